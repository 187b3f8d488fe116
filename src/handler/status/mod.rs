//! What operators see of the running server.
//!
//! | file | what is in it |
//! | --- | --- |
//! | `page` | the page as a whole, and the part of it that is sent anew every second |
//! | `tiles` | the figures at the top, each with its last minutes as a small curve |
//! | `charts` | which curves are drawn over the chosen time |
//! | `chart` | a chart as SVG: areas, lines, axes, legend |
//! | `heat` | the chart of all answers by the time they took |
//! | `axis` | round numbers and clock times for axes |
//! | `columns` | steps of time gathered into as many columns as a chart has room for |
//! | `rows` | what stands in tables, where it is more than a field of the data |
//! | `shown` | numbers, times and names as this page shows them |

#![allow(dead_code)]

mod axis;
mod chart;
mod charts;
mod columns;
mod heat;
mod page;
mod rows;
mod shown;
mod tiles;

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;
