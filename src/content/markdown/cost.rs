//! What a text would cost a sanitiser, found out without building its tree.
//!
//! A few bytes of HTML can make a large tree: formatting elements left open are opened again in each
//! paragraph that follows, each end in the wrong order copies some, and what is misplaced in a table
//! is moved before it, past all that is there. So the same parser runs here first, on a tree of which
//! only the open elements are kept, a small piece at a time, and what it asks for is added up.

use std::borrow::Cow;
use std::cell::Cell;
use std::rc::Rc;

use html5ever::interface::{ElementFlags, NodeOrText, QuirksMode, TreeSink};
use html5ever::tendril::{StrTendril, TendrilSink};
use html5ever::{Attribute, ExpandedName, LocalName, ParseOpts, QualName, ns, parse_fragment};

/// Bytes of memory for an element or a comment without its text.
const ELEMENT: usize = 256;

/// The same for a text.
const TEXT: usize = 160;

/// The same for an attribute.
const ATTRIBUTE: usize = 64;

/// Bytes of memory for all of a tree.
pub(super) const MAX_TREE: usize = 64 << 20;

/// Of these, for each byte of HTML: an element for every other tag of three bytes, with a text.
const TREE_PER_BYTE: usize = 256;

/// Bytes of memory that any tree may take.
const SMALL_TREE: usize = 1 << 20;

/// Elements open at once: one within another, or left open and opened again. Deeper ones cost a
/// parser more than their number, and nobody writes them to be read.
const MAX_OPEN: usize = 128;

/// Attributes of an element: each is compared with all before it.
const MAX_ATTRIBUTES: u32 = 64;

/// Nodes that are moved to where they belong: each is looked for among all of its siblings.
const MAX_MOVES: usize = 1000;

/// Bytes that are looked through for what ends a text, once for each sign in it that is to be written as an
/// entity (`html5ever`'s serializer does that): about a second.
const MAX_SEARCHED: usize = 8 << 30;

/// Bytes that are parsed before the sum is looked at.
const PIECE: usize = 1024;

/// Whether the tree of some HTML is of a size that suits its length.
pub(super) fn is_fair(html: &str) -> bool {
    most_attributes(html) <= MAX_ATTRIBUTES && Sum::default().suits(html)
}

/// The most attributes that any tag can have, wherever tags may begin.
///
/// Whether `<` begins a tag depends on what is before it (comments, quotes, scripts). Here each
/// does, and those that could be in the same state at the same byte go on as the one of them that
/// has the most attributes; so one pass is enough.
fn most_attributes(html: &str) -> u32 {
    let mut most = 0;
    let mut tags = [None::<u32>; State::COUNT];
    let mut before = [0; 2];
    for byte in html.bytes() {
        let mut next = [None; State::COUNT];
        for (state, count) in State::ALL.into_iter().zip(tags) {
            let Some(count) = count else { continue };
            let Some((state, begins)) = state.after(byte) else { continue };
            let count = count + u32::from(begins);
            most = most.max(count);
            let place = &mut next[state as usize];
            *place = Some(place.map_or(count, |other: u32| other.max(count)));
        }
        if byte.is_ascii_alphabetic() && (before[1] == b'<' || before == *b"</") {
            let place = &mut next[State::Name as usize];
            *place = Some(place.unwrap_or(0));
        }
        before = [before[1], byte];
        tags = next;
    }
    most
}

/// Where in a tag a byte is (HTML section 13.2.5).
#[derive(Clone, Copy)]
enum State {
    Name,
    Between,
    Attribute,
    AfterAttribute,
    BeforeValue,
    DoubleQuoted,
    SingleQuoted,
    Unquoted,
}

impl State {
    const ALL: [Self; 8] = [
        Self::Name,
        Self::Between,
        Self::Attribute,
        Self::AfterAttribute,
        Self::BeforeValue,
        Self::DoubleQuoted,
        Self::SingleQuoted,
        Self::Unquoted,
    ];
    const COUNT: usize = Self::ALL.len();

    /// The state after a byte, and whether that begins an attribute; `None` at the end of the tag.
    #[expect(clippy::match_same_arms, reason = "one state after the other")]
    fn after(self, byte: u8) -> Option<(Self, bool)> {
        let is_space = matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'\x0c');
        let stays = |state: Self| Some((state, false));
        match (self, byte) {
            (Self::DoubleQuoted, b'"') | (Self::SingleQuoted, b'\'') => stays(Self::Between),
            (Self::DoubleQuoted | Self::SingleQuoted, _) => stays(self),
            (_, b'>') => None,
            (Self::Name | Self::Unquoted, _) if is_space => stays(Self::Between),
            (Self::Name, b'/') => stays(Self::Between),
            (Self::Name | Self::Unquoted, _) => stays(self),
            (Self::Between | Self::AfterAttribute, b'/') => stays(Self::Between),
            (Self::Between | Self::AfterAttribute | Self::BeforeValue, _) if is_space => {
                stays(self)
            }
            (Self::Between, _) => Some((Self::Attribute, true)),
            (Self::Attribute | Self::AfterAttribute, b'=') => stays(Self::BeforeValue),
            (Self::Attribute, b'/') => stays(Self::Between),
            (Self::Attribute, _) if is_space => stays(Self::AfterAttribute),
            (Self::Attribute, _) => stays(self),
            (Self::AfterAttribute, _) => Some((Self::Attribute, true)),
            (Self::BeforeValue, b'"') => stays(Self::DoubleQuoted),
            (Self::BeforeValue, b'\'') => stays(Self::SingleQuoted),
            (Self::BeforeValue, _) => stays(Self::Unquoted),
        }
    }
}

/// What a parser asks for.
#[derive(Default)]
struct Sum {
    bytes: Cell<usize>,
    moves: Cell<usize>,
    searched: Cell<usize>,
    /// Signs of the text so far that are written as entities.
    signs: Cell<usize>,
    is_in_text: Cell<bool>,
    /// Whether there is an element into which others are copied as a whole.
    has_copies: Cell<bool>,
    /// Each open element holds one more.
    open: Rc<()>,
}

/// An element, for as long as the parser remembers it.
struct Element {
    name: QualName,
    is_integration_point: bool,
    _open: Rc<()>,
}

impl Sum {
    fn suits(self, html: &str) -> bool {
        let most =
            MAX_TREE.min(SMALL_TREE.saturating_add(html.len().saturating_mul(TREE_PER_BYTE)));
        let context = QualName::new(None, ns!(html), LocalName::from("div"));
        let mut parser = parse_fragment(self, ParseOpts::default(), context, Vec::new(), false);
        let mut rest = html;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.ceil_char_boundary(PIECE));
            rest = after;
            parser.process(StrTendril::from(piece));
            let Self { bytes, moves, searched, open, .. } = &parser.tokenizer.sink.sink;
            let is_searched_too_often = searched.get() > MAX_SEARCHED;
            let is_too_deep = Rc::strong_count(open) > MAX_OPEN;
            if bytes.get() > most || moves.get() > MAX_MOVES || is_searched_too_often || is_too_deep
            {
                return false;
            }
        }
        true
    }

    fn add(&self, bytes: usize) {
        self.bytes.set(self.bytes.get().saturating_add(bytes));
        self.is_in_text.set(false);
    }

    fn add_attributes(&self, attributes: &[Attribute]) {
        let bytes =
            |attribute: &Attribute| ATTRIBUTE + attribute.name.local.len() + attribute.value.len();
        self.add(attributes.iter().map(bytes).sum());
        for attribute in attributes {
            self.signs.set(0);
            self.add_search(&attribute.value);
        }
    }

    fn add_child(&self, child: &NodeOrText<Rc<Element>>) {
        match child {
            NodeOrText::AppendNode(_) => self.is_in_text.set(false),
            NodeOrText::AppendText(text) => {
                let goes_on = self.is_in_text.get();
                if !goes_on {
                    self.signs.set(0);
                }
                self.add_search(text);
                self.add(text.len() + if goes_on { 0 } else { TEXT });
                self.is_in_text.set(true);
            }
        }
    }

    /// A search ends at the next of `<` and `>`, or with the text.
    fn add_search(&self, text: &str) {
        let is_end = |byte: &u8| matches!(byte, b'<' | b'>');
        // Of `&`, and of signs in UTF-8 that begin as a space that does not break does.
        let is_sign = |byte: &&u8| matches!(byte, b'&' | 0xc2);
        for (at, part) in text.as_bytes().split(is_end).enumerate() {
            let before = if at == 0 { self.signs.get() } else { 0 };
            let signs = before + part.iter().filter(is_sign).count();
            let searched = signs.saturating_mul(part.len());
            self.searched.set(self.searched.get().saturating_add(searched));
            self.signs.set(signs);
        }
    }

    fn count_move(&self) {
        self.moves.set(self.moves.get().saturating_add(1));
        self.is_in_text.set(false);
    }

    fn element(&self, name: QualName, is_integration_point: bool) -> Rc<Element> {
        Rc::new(Element { name, is_integration_point, _open: Rc::clone(&self.open) })
    }

    /// What is no element but has a handle.
    fn nameless(&self) -> Rc<Element> {
        self.element(QualName::new(None, ns!(), LocalName::from("")), false)
    }
}

impl TreeSink for Sum {
    type Handle = Rc<Element>;
    type Output = Self;
    type ElemName<'a> = ExpandedName<'a>;

    fn finish(self) -> Self {
        self
    }

    fn parse_error(&self, _: Cow<'static, str>) {}

    fn get_document(&self) -> Rc<Element> {
        self.nameless()
    }

    fn elem_name<'a>(&'a self, target: &'a Rc<Element>) -> ExpandedName<'a> {
        target.name.expanded()
    }

    fn create_element(
        &self,
        name: QualName,
        attributes: Vec<Attribute>,
        flags: ElementFlags,
    ) -> Rc<Element> {
        self.add(ELEMENT);
        self.add_attributes(&attributes);
        if &*name.local == "selectedcontent" {
            self.has_copies.set(true);
        }
        self.element(name, flags.mathml_annotation_xml_integration_point)
    }

    fn create_comment(&self, text: StrTendril) -> Rc<Element> {
        self.add(ELEMENT + text.len());
        self.nameless()
    }

    fn create_pi(&self, target: StrTendril, data: StrTendril) -> Rc<Element> {
        self.add(ELEMENT + target.len() + data.len());
        self.nameless()
    }

    fn append(&self, _: &Rc<Element>, child: NodeOrText<Rc<Element>>) {
        self.add_child(&child);
    }

    fn append_based_on_parent_node(
        &self,
        _: &Rc<Element>,
        _: &Rc<Element>,
        child: NodeOrText<Rc<Element>>,
    ) {
        self.add_child(&child);
        self.count_move();
    }

    fn append_doctype_to_document(&self, _: StrTendril, _: StrTendril, _: StrTendril) {
        self.add(ELEMENT);
    }

    fn pop(&self, _: &Rc<Element>) {
        self.is_in_text.set(false);
    }

    fn get_template_contents(&self, _: &Rc<Element>) -> Rc<Element> {
        self.nameless()
    }

    fn same_node(&self, one: &Rc<Element>, other: &Rc<Element>) -> bool {
        Rc::ptr_eq(one, other)
    }

    fn set_quirks_mode(&self, _: QuirksMode) {}

    fn append_before_sibling(&self, _: &Rc<Element>, child: NodeOrText<Rc<Element>>) {
        self.add_child(&child);
        self.count_move();
    }

    fn add_attrs_if_missing(&self, _: &Rc<Element>, attributes: Vec<Attribute>) {
        self.add_attributes(&attributes);
    }

    fn remove_from_parent(&self, _: &Rc<Element>) {
        self.count_move();
    }

    fn reparent_children(&self, _: &Rc<Element>, _: &Rc<Element>) {
        self.count_move();
    }

    fn is_mathml_annotation_xml_integration_point(&self, element: &Rc<Element>) -> bool {
        element.is_integration_point
    }

    fn maybe_clone_an_option_into_selectedcontent(&self, _: &Rc<Element>) {
        if self.has_copies.get() {
            self.add(self.bytes.get());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_counted_wherever_a_tag_may_begin() {
        let many = (0..100).map(|number| format!(" a{number}")).collect::<Vec<_>>().concat();
        for (html, most) in [
            ("<b>", 0),
            ("<b a>", 1),
            ("<img src=a/b alt='c d=e' title=\"f g=h\" x = y z>", 5),
            ("a < b c d", 0),
            ("<b/a/b>c d", 2),
            ("</b a>", 1),
            ("<a<b a b>", 2),
            ("<!-- <a b=\" --><b a b c>", 3),
            ("<a b='>' c>d e f", 2),
            ("\u{e9}<b \u{e9}>", 1),
            (&*format!("<b{many}>"), 100),
        ] {
            assert_eq!(most_attributes(html), most, "{html}");
        }
    }

    #[test]
    fn trees_out_of_proportion_are_found() {
        let apart = |count: u32, tag: &str| -> String {
            (0..count).map(|number| format!("<{tag} title={number}>")).collect::<Vec<_>>().concat()
        };
        let rows = [
            (format!("<p>{}</p>", apart(90, "b")) + &"<p>x".repeat(10_000), false),
            // They stay open around what follows.
            (apart(90, "b") + &"<p>x".repeat(10_000), true),
            ("<p>x".repeat(20_000), true),
            ("<li>x".repeat(20_000), true),
            ("<b>x</b>".repeat(20_000), true),
            ("<div>".repeat(1000), false),
            ("<div><!--</div>-->".repeat(1000), false),
            ("<div title='</div>'>".repeat(1000), false),
            (format!("<p>{}<!--</i></p>-->", apart(90, "i")) + &"</p><p>x".repeat(10_000), false),
            ("<table>".to_owned() + &"<p>a</p>".repeat(2000), false),
            ("<table>".to_owned() + &"<tr><td>a".repeat(10_000), true),
            ("<b><p>a</b></p>".repeat(2000), false),
            ("<b><p>a</b></p>".repeat(50), true),
            (format!("<a{}>", " a=b".repeat(1000)), false),
            (
                "<select><button><selectedcontent></selectedcontent></button>".to_owned()
                    + &"<option selected>a</option>".repeat(1000),
                false,
            ),
            ("<select>".to_owned() + &"<option selected>a</option>".repeat(1000), true),
            ("&amp;".repeat(150_000), false),
            ("\u{a0}".repeat(100_000), false),
            (format!("<a title='{}'>", "&amp;".repeat(150_000)), false),
            ("&amp;".repeat(50_000), true),
            ("&amp;<br>".repeat(50_000), true),
            ("&amp;&lt;".repeat(100_000), true),
        ];
        for (html, expected) in rows {
            let start: String = html.chars().take(60).collect();
            assert_eq!(is_fair(&html), expected, "{start}");
        }
    }
}
