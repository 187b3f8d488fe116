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

/// Renders Markdown (`CommonMark` with tables, strikethrough, task lists and footnotes) as sanitised
/// HTML. Raw HTML in the text is kept as far as it is harmless.
pub fn to_html(text: &str) -> String {
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
    SANITISER.clean(&unsafe_html).to_string()
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
            let html = to_html(text);
            assert!(html.contains(expected), "{text:?}: {html}");
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
            let html = to_html(text);
            for word in acting {
                assert!(!html.to_lowercase().contains(word), "{text:?}: {html}");
            }
        }
    }
}
