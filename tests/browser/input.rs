//! Keys, clicks and files: what a person does to a page.

use std::path::PathBuf;

use serde_json::json;

use crate::page::{Page, quoted, text};

impl Page {
    /// Presses and releases a key, named as in `KeyboardEvent.key`.
    pub fn press(&self, key: &str) {
        self.press_with(key, 0);
    }

    /// The same with modifiers: 1 Alt, 2 Control, 4 Meta, 8 Shift, added up.
    pub fn press_with(&self, key: &str, modifiers: u8) {
        let (code, number, typed) = match key {
            "Enter" => ("Enter", 13, "\r"),
            "Escape" => ("Escape", 27, ""),
            "Tab" => ("Tab", 9, ""),
            "Backspace" => ("Backspace", 8, ""),
            "Home" => ("Home", 36, ""),
            "End" => ("End", 35, ""),
            "ArrowLeft" => ("ArrowLeft", 37, ""),
            "ArrowUp" => ("ArrowUp", 38, ""),
            "ArrowRight" => ("ArrowRight", 39, ""),
            "ArrowDown" => ("ArrowDown", 40, ""),
            " " => ("Space", 32, " "),
            other => ("", 0, other),
        };
        let mut event = json!({
            "type": if typed.is_empty() { "rawKeyDown" } else { "keyDown" },
            "key": key,
            "code": code,
            "windowsVirtualKeyCode": number,
            "text": typed,
            "modifiers": modifiers,
        });
        self.call("Input.dispatchKeyEvent", &event);
        event["type"] = json!("keyUp");
        self.call("Input.dispatchKeyEvent", &event);
    }

    /// Types a text, key by key.
    pub fn write(&self, text: &str) {
        for letter in text.chars() {
            self.press(letter.encode_utf8(&mut [0; 4]));
        }
    }

    /// Clicks into the middle of an element once it is to be seen.
    pub fn click(&self, selector: &str) {
        let (x, y) = self.middle(selector);
        for kind in ["mouseMoved", "mousePressed", "mouseReleased"] {
            let button = if kind == "mouseMoved" { "none" } else { "left" };
            let event = json!({ "type": kind, "x": x, "y": y, "button": button, "clickCount": 1 });
            self.call("Input.dispatchMouseEvent", &event);
        }
    }

    fn middle(&self, selector: &str) -> (f64, f64) {
        let element = format!("document.querySelector({})", quoted(selector));
        self.wait_until(&format!("{element}?.getClientRects().length"));
        let place = self.eval(&format!(
            "(element => {{
                element.scrollIntoView({{ block: 'center', behavior: 'instant' }});
                const box = element.getClientRects()[0];
                return [box.x + box.width / 2, box.y + box.height / 2];
            }})({element})"
        ));
        (place[0].as_f64().expect("a place"), place[1].as_f64().expect("a place"))
    }

    /// Chooses the files of an `<input type=file>`.
    pub fn choose(&self, selector: &str, files: &[PathBuf]) {
        let element =
            json!({ "expression": format!("document.querySelector({})", quoted(selector)) });
        let object = text(&self.call("Runtime.evaluate", &element)["result"]["objectId"]);
        self.call("DOM.setFileInputFiles", &json!({ "files": files, "objectId": object }));
    }

    /// Drags files and folders over an element, and drops them there.
    pub fn drop_on(&self, selector: &str, files: &[PathBuf]) {
        for step in ["dragEnter", "dragOver", "drop"] {
            self.drag(step, selector, files);
        }
    }

    /// One step of it: `dragEnter`, `dragOver`, `drop` or `dragCancel`.
    pub fn drag(&self, step: &str, selector: &str, files: &[PathBuf]) {
        let (x, y) = self.middle(selector);
        let data = json!({ "items": [], "files": files, "dragOperationsMask": 1 });
        let event = json!({ "type": step, "x": x, "y": y, "data": data });
        self.call("Input.dispatchDragEvent", &event);
    }
}
