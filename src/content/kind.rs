//! What sort of file a name promises, for its picture in a listing.

use super::path::extension;

/// The longest extension that is known.
const LONGEST: usize = 8;

/// A word for what is in a file of that name: `image`, `video`, `audio`, `pdf`, `text`, `code`,
/// `markdown`, `archive`, `document`, or `file` when it is none of these or the name does not say.
/// The case of the name does not matter.
pub fn kind(name: &[u8]) -> &'static str {
    let Some(extension) = extension(name) else {
        return "file";
    };
    let mut lower = [0; LONGEST];
    let Some(lower) = lower.get_mut(..extension.len()) else {
        return "file";
    };
    lower.copy_from_slice(extension);
    lower.make_ascii_lowercase();
    by_extension(lower)
}

fn by_extension(extension: &[u8]) -> &'static str {
    match extension {
        b"png" | b"jpg" | b"jpeg" | b"gif" | b"webp" | b"avif" | b"svg" | b"bmp" | b"ico"
        | b"jxl" | b"apng" | b"tif" | b"tiff" | b"heic" | b"heif" => "image",
        b"mp4" | b"m4v" | b"webm" | b"mkv" | b"mov" | b"avi" | b"ogv" | b"mpg" | b"mpeg"
        | b"m2ts" | b"3gp" | b"wmv" | b"flv" => "video",
        b"mp3" | b"m4a" | b"ogg" | b"oga" | b"opus" | b"flac" | b"wav" | b"aac" | b"aif"
        | b"aiff" | b"mid" | b"midi" | b"wma" | b"weba" => "audio",
        b"pdf" => "pdf",
        b"md" | b"markdown" | b"mdown" => "markdown",
        b"txt" | b"log" | b"csv" | b"tsv" | b"nfo" | b"rst" | b"adoc" | b"org" | b"srt"
        | b"vtt" | b"text" | b"diff" | b"patch" | b"tex" | b"bib" | b"ics" | b"sum" | b"md5"
        | b"sha256" | b"sha512" => "text",
        b"rs" | b"go" | b"c" | b"h" | b"cc" | b"cpp" | b"cxx" | b"hpp" | b"hh" | b"m" | b"mm"
        | b"py" | b"rb" | b"pl" | b"php" | b"lua" | b"r" | b"jl" | b"js" | b"mjs" | b"cjs"
        | b"ts" | b"mts" | b"tsx" | b"jsx" | b"vue" | b"svelte" | b"css" | b"scss" | b"sass"
        | b"less" | b"html" | b"htm" | b"xhtml" | b"xml" | b"xsl" | b"json" | b"json5"
        | b"jsonl" | b"ndjson" | b"map" | b"yaml" | b"yml" | b"toml" | b"ini" | b"conf"
        | b"cfg" | b"lock" | b"env" | b"sh" | b"bash" | b"zsh" | b"fish" | b"ps1" | b"bat"
        | b"cmd" | b"awk" | b"sed" | b"java" | b"kt" | b"kts" | b"scala" | b"groovy"
        | b"gradle" | b"swift" | b"dart" | b"cs" | b"fs" | b"vb" | b"hs" | b"ml" | b"ex"
        | b"exs" | b"erl" | b"clj" | b"lisp" | b"el" | b"zig" | b"nim" | b"d" | b"v" | b"sql"
        | b"graphql" | b"proto" | b"asm" | b"s" | b"wat" | b"nix" | b"mk" | b"cmake" | b"ninja"
        | b"ipynb" => "code",
        b"zip" | b"tar" | b"gz" | b"tgz" | b"bz2" | b"tbz2" | b"xz" | b"txz" | b"zst" | b"tzst"
        | b"br" | b"7z" | b"rar" | b"lz" | b"lz4" | b"lzma" | b"jar" | b"war" | b"deb" | b"rpm"
        | b"apk" | b"iso" | b"dmg" | b"cab" | b"cpio" | b"whl" | b"crate" => "archive",
        b"doc" | b"docx" | b"odt" | b"rtf" | b"xls" | b"xlsx" | b"ods" | b"ppt" | b"pptx"
        | b"odp" | b"odg" | b"epub" | b"mobi" | b"azw3" | b"djvu" | b"ps" | b"eps" | b"pages"
        | b"numbers" | b"key" => "document",
        _ => "file",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_of_the_kind_their_ending_says() {
        let rows = [
            ("a.PNG", "image"),
            ("a.b.webm", "video"),
            ("a.opus", "audio"),
            ("a.pdf", "pdf"),
            ("README.md", "markdown"),
            ("a.txt", "text"),
            ("a.rs", "code"),
            ("a.markdown", "markdown"),
            ("a.tar.gz", "archive"),
            ("a.odt", "document"),
            ("a", "file"),
            (".png", "file"),
            ("a.", "file"),
            ("a.muchtoolong", "file"),
            ("a.\u{e4}", "file"),
        ];
        for (name, expected) in rows {
            assert_eq!(kind(name.as_bytes()), expected, "{name}");
        }
    }
}
