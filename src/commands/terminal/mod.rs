//! What commands draw on a terminal with.
//!
//! | file | what it knows |
//! | --- | --- |
//! | `line` | a line: colours, widths, what other people wrote |
//! | `units` | numbers as people read them |
//! | `spark` | a history in one row of letters |
//! | `frame` | many lines in place, again and again |
//! | `endings` | the signals that end a command |

pub(super) mod endings;
pub(super) mod frame;
pub(super) mod line;
pub(super) mod spark;
pub(super) mod units;

use std::io;

use rustix::termios::tcgetwinsize;

use self::line::Screen;
use crate::log;

/// What standard output is: elsewhere than on a terminal nothing is cut off.
pub(super) fn screen(on_terminal: bool, no_color: bool) -> Screen {
    let colors = log::colors(no_color.then_some(false), on_terminal);
    let size = tcgetwinsize(io::stdout()).ok().filter(|size| on_terminal && size.ws_col > 0);
    match size {
        Some(size) => Screen {
            width: size.ws_col.into(),
            height: Some(size.ws_row.into()).filter(|rows| *rows > 0),
            cut: true,
            colors,
        },
        None => Screen { width: Screen::USUAL_WIDTH, height: None, cut: false, colors },
    }
}
