//! Markdown to HTML that may stand in a page of the server's own.

mod cost;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
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

/// Quotations and list items within each other: the parser looks at all of them again in each line.
const MAX_DEPTH: usize = 100;

/// Bytes of HTML that come of any text at most.
const MAX_HTML: usize = 4 << 20;

/// Of these, for each byte of the text: `|` and an end of line make a row and a cell.
const HTML_PER_BYTE: usize = 16;

/// Bytes of HTML that may come of any text.
const SMALL_HTML: usize = 64 * 1024;

/// Bytes of memory that a text takes at most while it becomes HTML: the tree, and the HTML before and after.
pub const MEMORY: u64 = (cost::MAX_TREE + 2 * MAX_HTML) as u64;

/// Renders Markdown (`CommonMark` with tables, strikethrough and task lists) as sanitised
/// HTML. Raw HTML in the text is kept as far as it is harmless. `None` when it is nested deeper than
/// anybody would read, or would become more than 4 MiB or out of proportion to its length.
pub fn to_html(text: &str) -> Option<String> {
    if depth(text) > MAX_DEPTH {
        return None;
    }
    let most = MAX_HTML.min(SMALL_HTML.saturating_add(text.len().saturating_mul(HTML_PER_BYTE)));
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_GFM;
    let events = Parser::new_ext(text, options).map(|event| match event {
        // A check box that nobody can tick is a sign, not an input.
        Event::TaskListMarker(done) => Event::Text(if done { "☑ " } else { "☐ " }.into()),
        other => other,
    });
    let mut unsafe_html =
        Bounded { text: String::with_capacity(most.min(text.len() * 3 / 2)), most };
    html::write_html_fmt(&mut unsafe_html, events).ok()?;
    let sanitise = || {
        let unsafe_html = &unsafe_html.text;
        cost::is_fair(unsafe_html).then(|| SANITISER.clean(unsafe_html).to_string())
    };
    // Whatever strangers make the libraries do, it ends here.
    let html = catch_unwind(AssertUnwindSafe(sanitise)).ok()??;
    (html.len() <= most).then_some(html)
}

/// Text up to some length; more of it is an error.
struct Bounded {
    text: String,
    most: usize,
}

impl fmt::Write for Bounded {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        if self.text.len() + piece.len() > self.most {
            return Err(fmt::Error);
        }
        self.text.push_str(piece);
        Ok(())
    }
}

/// How many quotations and list items lie within each other, at most.
fn depth(text: &str) -> usize {
    text.split(['\n', '\r']).map(depth_of_line).max().unwrap_or(0)
}

/// How deep the last quotation or list item that a line begins may be: its markers before that, and
/// those of lines above that it only has the indentation of, two columns or more for each.
fn depth_of_line(line: &str) -> usize {
    let mut rest = line.as_bytes();
    let (mut depth, mut columns) = (0, 0);
    while let Some(&byte) = rest.first() {
        let length = match byte {
            b' ' | b'\t' => {
                columns += if byte == b'\t' { 4 } else { 1 };
                1
            }
            _ => {
                let Some(length) = marker(rest) else { break };
                depth += 1 + columns / 2;
                columns = 0;
                length
            }
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    depth
}

/// The bytes of the marker of a quotation or a list item that a text begins with.
fn marker(text: &[u8]) -> Option<usize> {
    let length = match text.first()? {
        b'>' => return Some(1),
        b'-' | b'+' | b'*' => 1,
        _ => {
            let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let is_number = (1..=9).contains(&digits);
            (is_number && matches!(text.get(digits), Some(b'.' | b')'))).then_some(digits + 1)?
        }
    };
    matches!(text.get(length), None | Some(b' ' | b'\t')).then_some(length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Pieces of which trees are made that are larger than their text.
    fn pieces() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            4 => prop::sample::select(vec![
                "<b>", "<i title=a>", "<a href=x>", "<nobr>", "</b>", "</i>", "</a>", "<p>", "</p>",
                "<table>", "<tr>", "<td>", "</table>", "<caption>", "<div>", "</div>", "<svg>",
                "<math><mi>", "<select>", "<option selected>", "<selectedcontent>", "</option>",
                "<template>", "</template>", "<!--", "-->", "<title>", "</title>", "<br>", "</br>",
                "<object>", "</object>", "<form>", "<a<b ", "x", " ", "\n", "\n\n", "> ", "- ", "|",
                "|-|\n", "*", "**", "`", "[a]", "[a]: b\n", "![", "](", "&", "\"", "'", "=", "<!",
            ]).prop_map(str::to_owned),
            1 => any::<u32>().prop_map(|number| format!("<b title={number}>")),
            1 => "\\PC{0,6}",
        ];
        let few = prop::collection::vec(piece, 1..40).prop_map(|pieces| pieces.concat());
        // What is bad is worse many times over.
        prop::collection::vec((few, 1..200_usize), 1..5)
            .prop_map(|parts| parts.into_iter().map(|(part, times)| part.repeat(times)).collect())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn no_text_becomes_much_longer(text in pieces()) {
            if let Some(html) = to_html(&text) {
                prop_assert!(html.len() <= SMALL_HTML + text.len() * HTML_PER_BYTE);
            }
        }
    }

    #[test]
    fn what_would_fill_the_memory_is_not_rendered() {
        let apart = |count: u32, title: &str| -> String {
            (0..count)
                .map(|number| format!("<b title=\"{number}{title}\">"))
                .collect::<Vec<_>>()
                .concat()
        };
        for text in [
            format!("<p>{}</p>{}", apart(90, &"a".repeat(1000)), "<p>x".repeat(52_000)),
            format!("<p>{}</p>{}", apart(90, ""), "<p>x".repeat(52_000)),
            format!("<table>{}", "<p></p>".repeat(120_000)),
            format!("<div{}>", " b c d".repeat(150_000)),
        ] {
            let start: String = text.chars().take(20).collect();
            assert!(to_html(&text).is_none(), "{start}");
        }
    }

    #[test]
    fn raw_html_as_people_write_it_is_rendered() {
        let badges = "<p align=\"center\">\n<a href=\"https://example.org/a\"><img src=\"a.svg\" alt=\"b\"></a>\n</p>\n\n";
        let details = "<details>\n<summary><b>More</b></summary>\n\n- a\n  - b\n\n    c<br>d\n\n</details>\n\n";
        let table =
            "<table>\n<tr><th>a<th>b\n<tr><td><b>1</b><td><ul><li>c<li>d</ul>\n</table>\n\n";
        let markdown =
            "# A\n\nText *a* **b** `c` [d](e) &amp; <kbd>f</kbd>.\n\n|a|b|\n|-|-|\n|1|2|\n\n";
        let text = [badges, details, table, markdown].concat().repeat(500);
        let html = to_html(&text).unwrap();
        assert_eq!(html.matches("<details>").count(), 500);
        assert_eq!(html.matches("<td>").count(), 2000);
        assert!(to_html(&format!("<font color=red>\n\n{}", "a\n\n".repeat(5000))).is_some());
    }

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

    /// Lists whose depth grows line by line, by so many items each.
    fn steps(lines: usize, items: usize) -> String {
        let line = |number| format!("{}{}a\n", "  ".repeat(number * items), "- ".repeat(items));
        (0..lines).map(line).collect()
    }

    #[test]
    fn the_depth_of_a_line_is_that_of_its_last_marker() {
        for (line, depth) in [
            ("", 0),
            ("a", 0),
            ("    a", 0),
            ("- a - b", 1),
            (">> 1. - a", 4),
            ("1. 22) 333333333. a", 3),
            ("-\t- -", 5),
            ("    - a", 3),
            ("\t- a", 3),
            (">   - a", 3),
            ("1.5", 0),
            ("-a", 0),
            ("**a**", 0),
            ("-----", 0),
            ("1234567890. a", 0),
        ] {
            assert_eq!(depth_of_line(line), depth, "{line:?}");
        }
    }

    #[test]
    fn what_is_nested_too_deep_is_not_rendered() {
        for (text, is_rendered) in [
            (">".repeat(100_000), false),
            ("> ".repeat(100_000), false),
            ("- ".repeat(100_000), false),
            ("1. ".repeat(100_000), false),
            ("12) > - ".repeat(100), false),
            (format!("a\r{}", "> ".repeat(1000)), false),
            (steps(300, 1), false),
            (steps(20, 20), false),
            (steps(20, 1), true),
            ("<div>".repeat(100_000), false),
            ("<b>".repeat(100_000), false),
            ("<div></b>".repeat(100_000), false),
            ("*a **b ".repeat(50_000), true),
            ("<div>a</div>\n\n".repeat(10_000), true),
            ("<p>a<br>\n\n".repeat(10_000), true),
            ("-".repeat(1000), true),
            ("***a*** 1.2.3 --- ".repeat(1000), true),
            (format!("{}a", " ".repeat(1000)), true),
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
