//! Looking into files without leaving the folder.

use crate::page::Page;
use crate::site::url;
use crate::support::{Setup, setup};

/// One file of each kind, in this order.
fn kinds() -> Setup {
    setup()
        .file("1.svg", "<svg xmlns='http://www.w3.org/2000/svg' width='640' height='400'>\
            <rect width='640' height='400' fill='#0b3f32'/><circle cx='320' cy='200' r='120' fill='#dde3e1'/></svg>")
        .file("2.txt", "first line\nsecond <b>line</b>\nthird line\n")
        .file("3.wav", tone(8000 * 4))
        .file("4.md", "# Heading\n\n<script>parent.document.title = 'ran'</script>\n\n- *one*\n- two\n")
        .file("5.rs", "fn main() {\n    println!(\"</script>\");\n}\n")
        .file("6.bin", [0_u8, 159, 146, 150])
}

/// A tone of that many samples: PCM, 8 bits, mono, 8,000 a second.
fn tone(samples: u32) -> Vec<u8> {
    let mut wav = Vec::new();
    wav.extend(b"RIFF");
    wav.extend((36 + samples).to_le_bytes());
    wav.extend(b"WAVEfmt ");
    wav.extend(16_u32.to_le_bytes());
    wav.extend([1, 0, 1, 0]); // PCM, one channel
    wav.extend(8000_u32.to_le_bytes());
    wav.extend(8000_u32.to_le_bytes()); // bytes a second
    wav.extend([1, 0, 8, 0]); // bytes a frame, bits a sample
    wav.extend(b"data");
    wav.extend(samples.to_le_bytes());
    wav.extend((0..samples).map(|sample| if sample / 9 % 2 == 0 { 96 } else { 160 }));
    wav
}

fn opens(page: &Page, file: &str) {
    page.click(&format!("#list a[href$='{file}']"));
    page.wait_until("document.querySelector('dialog[open]')");
}

fn closes(page: &Page) {
    page.press("Escape");
    page.wait_until("!document.querySelector('dialog[open]')");
}

#[test]
#[ignore = "needs Chromium"]
fn a_picture_is_shown_and_the_focus_comes_back() {
    let server = kinds().start();
    let page = Page::at(&url(&server, "/"));
    opens(&page, "1.svg");
    page.wait_until("document.querySelector('dialog img')?.naturalWidth === 640");
    assert!(page.is("document.querySelector('dialog').contains(document.activeElement)"));
    assert_eq!(page.text("location.pathname"), "/", "the folder is not left");
    page.pictures("preview-image");
    closes(&page);
    page.wait_until("document.activeElement.textContent === '1.svg'");
}

#[test]
#[ignore = "needs Chromium"]
fn text_and_code_have_line_numbers() {
    let server = kinds().start();
    let page = Page::at(&url(&server, "/"));
    opens(&page, "2.txt");
    page.wait_until("document.querySelector('dialog').textContent.includes('second <b>line</b>')");
    assert!(page.is("!document.querySelector('dialog b')"), "text is text");
    page.pictures("preview-text");
    closes(&page);
    opens(&page, "5.rs");
    page.wait_until(
        "document.querySelector('dialog').textContent.includes('println!(\"</script>\")')",
    );
}

#[test]
#[ignore = "needs Chromium"]
fn sound_plays_and_seeks() {
    let server = kinds().start();
    let page = Page::at(&url(&server, "/"));
    opens(&page, "3.wav");
    let audio = "document.querySelector('dialog audio')";
    page.wait_until(&format!("{audio}?.readyState >= 1"));
    assert_eq!(page.text(&format!("{audio}.currentSrc")), url(&server, "/3.wav"));
    assert!(page.is(&format!("{audio}.controls && {audio}.seekable.end(0) === 4")));
    page.eval(&format!(
        "new Promise(resolve => {{ {audio}.onseeked = () => resolve(); {audio}.currentTime = 3 }})"
    ));
    assert!(page.is(&format!("{audio}.currentTime >= 3")));
    page.pictures("preview-audio");
    closes(&page);
    assert!(page.is("!document.querySelector('audio')"), "nothing plays on unseen");
}

#[test]
#[ignore = "needs Chromium"]
fn a_film_has_a_player() {
    let mut page = Page::open();
    page.expect("ERR_"); // no film in truth
    let server = setup().file("film.mp4", "no film in truth").start();
    page.goto(&url(&server, "/"));
    opens(&page, "film.mp4");
    let source = "(film => film?.currentSrc || film?.src || film?.querySelector('source')?.src)\
        (document.querySelector('dialog video'))";
    page.wait_until(&format!("{source} === '{}'", url(&server, "/film.mp4")));
}

#[test]
#[ignore = "needs Chromium"]
fn markdown_is_shown_in_a_frame_that_can_do_nothing() {
    let server = kinds().start();
    let mut page = Page::at(&url(&server, "/"));
    opens(&page, "4.md");
    page.wait_until("document.querySelector('dialog iframe')");
    let frame = "document.querySelector('dialog iframe')";
    let allowed = page.text(&format!("{frame}.getAttribute('sandbox')"));
    assert!(!allowed.contains("allow-scripts") && !allowed.contains("allow-forms"), "{allowed:?}");
    assert_eq!(page.text(&format!("new URL({frame}.src).search")), "?render");
    let rendered = url(&server, "/4.md?render");
    page.eval(&format!("fetch('{rendered}').then(answer => answer.text())"));
    assert_eq!(page.status_of(&rendered), Some(200));
    page.pictures("preview-markdown");
    assert_ne!(page.text("document.title"), "ran");
    drop(page);
    let page = Page::at(&rendered);
    assert_eq!(page.texts("h1"), ["Heading"]);
    assert_eq!(page.texts("li em"), ["one"]);
    assert_eq!(page.texts("script"), [""; 0]);
    page.pictures("markdown");
}

#[test]
#[ignore = "needs Chromium"]
fn arrows_lead_from_file_to_file() {
    let server = kinds().start();
    let page = Page::at(&url(&server, "/"));
    opens(&page, "1.svg");
    page.wait_until("document.querySelector('dialog img')");
    page.press("ArrowRight");
    page.wait_until("document.querySelector('dialog').textContent.includes('third line')");
    assert!(page.is("!document.querySelector('dialog img')"));
    page.press("ArrowRight");
    page.wait_until("document.querySelector('dialog audio')");
    page.press("ArrowLeft");
    page.wait_until("document.querySelector('dialog').textContent.includes('third line')");
    closes(&page);
    page.wait_until("document.activeElement.textContent === '2.txt'");
}
