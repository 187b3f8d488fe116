//! Markdown to HTML that may stand in a page of the server's own.

use std::sync::LazyLock;

use ammonia::Builder;
use pulldown_cmark::{Event, Options, Parser, html};

/// What a page may hold of a text that anybody may have written.
///
/// No script, style, form, frame or event attribute; no `id`, `name` or `class`, which could take
/// the place of the page's own; links with the usual schemes or relative to the page; images and
/// media from wherever the page's policy allows.
static SANITISER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut builder = Builder::default();
    builder.rm_tags(["map", "area"]).rm_generic_attributes(["id", "name"]);
    builder
});

/// Elements within elements. Deeper ones cost a sanitiser more than their number, and nobody writes
/// them to be read.
const MAX_DEPTH: usize = 100;

/// Renders Markdown (`CommonMark` with tables, strikethrough, task lists and footnotes) as sanitised
/// HTML. Raw HTML in the text is kept as far as it is harmless. `None` when it is nested more than
/// 100 deep.
pub fn to_html(text: &str) -> Option<String> {
    if quote_marks(text) > MAX_DEPTH {
        return None;
    }
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_GFM;
    let events = Parser::new_ext(text, options).map(|event| match event {
        // A check box that nobody can tick is a sign, not an input.
        Event::TaskListMarker(done) => Event::Text(if done { "☑ " } else { "☐ " }.into()),
        other => other,
    });
    let mut unsafe_html = String::with_capacity(text.len() * 3 / 2);
    html::push_html(&mut unsafe_html, events);
    (depth(&unsafe_html) <= MAX_DEPTH).then(|| SANITISER.clean(&unsafe_html).to_string())
}

/// The most markers of quotations or lists that a line begins with.
fn quote_marks(text: &str) -> usize {
    let marks = |line: &str| {
        line.bytes()
            .take_while(|byte| b" \t>-+*".contains(byte))
            .filter(|byte| *byte != b' ')
            .count()
    };
    let is_rule = |line: &str| {
        let line = line.trim();
        line.bytes().next().is_some_and(|first| line.bytes().all(|byte| byte == first))
            && !line.starts_with('>')
    };
    text.lines().filter(|line| !is_rule(line)).map(marks).max().unwrap_or(0)
}

/// How deep tags are nested at most. An end counts only for the tag opened last: what else there
/// may be in a text that is not well-formed makes it deeper, never less deep.
fn depth(html: &str) -> usize {
    let mut open: Vec<&str> = Vec::new();
    let mut most = 0;
    for (at, _) in html.match_indices('<') {
        let rest = &html[at + 1..];
        if let Some(end) = rest.strip_prefix('/') {
            if open.last().is_some_and(|last| last.eq_ignore_ascii_case(tag_name(end))) {
                open.pop();
            }
        } else if rest.starts_with(|first: char| first.is_ascii_alphabetic()) {
            let name = tag_name(rest);
            if !STAND_ALONE.iter().any(|known| name.eq_ignore_ascii_case(known)) {
                open.push(name);
                most = most.max(open.len());
            }
        }
    }
    most
}

/// Elements without content, and paragraphs: the next one ends the one before.
const STAND_ALONE: &[&str] =
    &["br", "hr", "img", "input", "wbr", "col", "source", "track", "area", "p"];

fn tag_name(tag: &str) -> &str {
    let end = tag.find(|character: char| !character.is_ascii_alphanumeric()).unwrap_or(tag.len());
    &tag[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_readmes_are_made_of_is_rendered() {
        let rows = [
            ("# A", "<h1>A</h1>"),
            ("~~a~~", "<del>a</del>"),
            ("|a|b|\n|-|-|\n|1|2|", "<td>1</td>"),
            ("- [x] done\n- [ ] open", "☑ done"),
            ("```rust\nfn a<'b>() {}\n```", "<pre><code>fn a&lt;'b&gt;() {}\n</code></pre>"),
            ("[a](sub/b%20c.txt)", "<a href=\"sub/b%20c.txt\""),
            ("[a](#b)", "<a href=\"#b\""),
            ("![a](images/b.png \"c\")", "<img src=\"images/b.png\" alt=\"a\" title=\"c\">"),
            ("<details><summary>a</summary>b</details>", "<summary>a</summary>"),
            ("[a](https://example.org/)", "rel=\"noopener noreferrer\""),
        ];
        for (text, expected) in rows {
            let html = to_html(text).unwrap();
            assert!(html.contains(expected), "{text:?}: {html}");
        }
    }

    #[test]
    fn what_is_nested_too_deep_is_not_rendered() {
        for (text, is_rendered) in [
            (">".repeat(100_000), false),
            ("> ".repeat(100_000), false),
            ("- ".repeat(100_000), false),
            ("<div>".repeat(100_000), false),
            ("<b>".repeat(100_000), false),
            ("<div></b>".repeat(100_000), false),
            ("*a **b ".repeat(50_000), true),
            ("<div>a</div>\n\n".repeat(10_000), true),
            ("<p>a<br>\n\n".repeat(10_000), true),
            ("-".repeat(1000), true),
            (format!("{} a", ">".repeat(20)), true),
        ] {
            let start: String = text.chars().take(20).collect();
            assert_eq!(to_html(&text).is_some(), is_rendered, "{start}");
        }
    }

    #[test]
    fn what_could_act_is_taken_out() {
        let rows = [
            "<script>alert(1)</script>",
            "<img src=x onerror=alert(1)>",
            "[a](javascript:alert(1))",
            "[a](JaVaScRiPt&#58;alert(1))",
            "<a href=\"data:text/html,<script>1</script>\">a</a>",
            "<iframe src=//example.org></iframe>",
            "<style>*{display:none}</style>",
            "<p style=\"position:fixed\">",
            "<form action=//example.org><input name=a><button>",
            "<svg onload=alert(1)><use href=#x>",
            "<math><mtext></p><style><img src=x onerror=alert(1)>",
            "<p id=upload class=dir name=x>",
            "<base href=//example.org/><meta http-equiv=refresh content=0><link rel=stylesheet>",
            "<object data=x></object><embed src=x>",
        ];
        let acting = [
            "<script",
            "onerror",
            "onload",
            "javascript",
            "data:",
            "<iframe",
            "<style",
            "style=",
            "<form",
            "<input",
            "<button",
            "<svg",
            "id=",
            "class=",
            "name=",
            "<base",
            "<meta",
            "<link",
            "<object",
            "<embed",
        ];
        for text in rows {
            let html = to_html(text).unwrap();
            for word in acting {
                assert!(!html.to_lowercase().contains(word), "{text:?}: {html}");
            }
        }
    }
}
