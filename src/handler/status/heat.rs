//! All answers by the time to their first byte: each column a stretch of time, each row twice as
//! long as the one below, the darker the more.
//!
//! Where an average hides them, this shows two kinds of answers (from memory, from disk) as two
//! bands, and a few slow ones among thousands as a few pale cells far above.

use std::fmt::Write;
use std::ops::RangeInclusive;

use super::chart::{end, figure, frame, plot};
use super::columns::Window;
use super::shown::{float, seconds, whole};
use crate::stats::snapshot::{HEAT_BANDS, History};

/// Shades from few to many.
const SHADES: usize = 5;

/// Bands that are shown however few of them are used.
const FEWEST: usize = 8;

/// Columns at most.
const COLUMNS: u64 = 120;

/// The upper edge of a band in seconds; the last has none.
fn edge(band: usize) -> f64 {
    16e-6 * 2_f64.powi(i32::try_from(band).unwrap_or(i32::MAX))
}

/// Writes the chart.
pub(super) fn write(out: &mut String, history: &History, window: Window) {
    let columns = window.columns(COLUMNS);
    let steps = &history.latency_bands;
    let cells: Vec<Cells> = columns
        .of(steps.len())
        .map(|column| Cells {
            left: column.left,
            right: column.right,
            counts: sums(steps.get(column.steps).unwrap_or_default()),
        })
        .collect();
    let bands = used(&cells);
    let most = cells.iter().flat_map(|cells| cells.counts).max().unwrap_or_default();

    figure(out, "heat", "Time to first byte", "of all answers");
    legend(out, &cells);
    plot_with_counts(out, window, &columns, &cells, &bands);
    frame(out, &summary(&cells), window, lines(&bands).into_iter());
    let (wide, rows) = (window.steps, bands.end() + 1 - bands.start());
    let height = super::chart::HEIGHT;
    // A cell is a piece of a line as thick as a row; the last half row brings lines to its middle.
    let _ = write!(
        out,
        "<svg class=\"heat\" width=\"100%\" height=\"{height}\" viewBox=\"0 -.5 {wide} {rows}\" \
         preserveAspectRatio=\"none\">"
    );
    for shade in 1..=SHADES {
        let _ = write!(out, "<path class=\"h{shade}\" d=\"");
        for band in bands.clone() {
            row(out, &cells, band, bands.end() - band, |count| self::shade(count, most) == shade);
        }
        out.push_str("\"/>");
    }
    out.push_str("</svg>");
    end(out);
}

/// One column.
struct Cells {
    left: u64,
    right: u64,
    counts: [u64; HEAT_BANDS],
}

fn sums(steps: &[Vec<u32>]) -> [u64; HEAT_BANDS] {
    let mut sums = [0; HEAT_BANDS];
    for step in steps {
        for (sum, count) in sums.iter_mut().zip(step) {
            *sum += u64::from(*count);
        }
    }
    sums
}

/// The bands from the lowest used to the highest, and some more if they are few.
fn used(cells: &[Cells]) -> RangeInclusive<usize> {
    let used = |band: &usize| cells.iter().any(|cells| cells.counts[*band] > 0);
    let low = (0..HEAT_BANDS).find(used).unwrap_or(2);
    let high = (0..HEAT_BANDS).rev().find(used).unwrap_or(low);
    let high = high.max(low + FEWEST - 1).min(HEAT_BANDS - 1);
    low.min(high + 1 - FEWEST)..=high
}

/// 0 is nothing; 1 is anything, however little beside the most.
fn shade(count: u64, most: u64) -> usize {
    if count == 0 {
        return 0;
    }
    let part = float(count).ln_1p() / float(most.max(1)).ln_1p();
    (1..=SHADES).find(|shade| part <= float(*shade as u64) / float(SHADES as u64)).unwrap_or(SHADES)
}

/// The cells of a row that have this shade; neighbours as one piece.
fn row(out: &mut String, cells: &[Cells], band: usize, y: usize, is_shade: impl Fn(u64) -> bool) {
    let mut open: Option<(u64, u64)> = None;
    let mut draw = |open: Option<(u64, u64)>| {
        if let Some((left, right)) = open {
            let _ = write!(out, "M{left} {y}H{right}");
        }
    };
    for cell in cells.iter().filter(|cell| is_shade(cell.counts[band])) {
        match &mut open {
            Some((_, right)) if *right == cell.left => *right = cell.right,
            _ => draw(open.replace((cell.left, cell.right))),
        }
    }
    draw(open);
}

/// Powers of ten, where they lie between the bands.
fn lines(bands: &RangeInclusive<usize>) -> Vec<(f64, String)> {
    // The lower edge of the first band is drawn half as long as the upper one.
    let low = edge(*bands.start()) / 2.0;
    let rows = float((bands.end() + 1 - bands.start()) as u64);
    let heights = (-5..=2).map(|power| 10_f64.powi(power)).map(|line| {
        let height = (line / low).log2() / rows;
        (height, seconds(&line).replace(".00", "").replace(".0", ""))
    });
    heights.filter(|(height, _)| (0.0..=1.0).contains(height)).collect()
}

fn legend(out: &mut String, cells: &[Cells]) {
    out.push_str("<ul class=\"legend\"><li class=\"scale\"><span>few</span>");
    for shade in 1..=SHADES {
        let _ = write!(out, "<i class=\"h{shade}\"></i>");
    }
    let latest = cells.last().map(|cells| cells.counts).and_then(busiest);
    let latest = latest.map_or_else(super::shown::unknown, name);
    let _ = write!(
        out,
        "<span>many</span></li><li class=\"most\"><span>most</span> <b>{latest}</b></li></ul>\
         </figcaption>"
    );
}

/// The band with the most answers.
fn busiest(counts: [u64; HEAT_BANDS]) -> Option<usize> {
    let (band, count) = counts.into_iter().enumerate().max_by_key(|(_, count)| *count)?;
    (count > 0).then_some(band)
}

/// `256 µs to 512 µs`
fn name(band: usize) -> String {
    if band == 0 {
        return format!("up to {}", seconds(&edge(0)));
    }
    if band + 1 == HEAT_BANDS {
        return format!("over {}", seconds(&edge(band - 1)));
    }
    format!("{} to {}", seconds(&edge(band - 1)), seconds(&edge(band)))
}

fn summary(cells: &[Cells]) -> String {
    let mut counts = [0; HEAT_BANDS];
    for (sum, count) in cells.iter().flat_map(|cells| cells.counts.into_iter().enumerate()) {
        counts[sum] += count;
    }
    let Some(band) = busiest(counts) else { return "Time to first byte: no answers".to_owned() };
    let highest = counts.iter().rposition(|count| *count > 0).unwrap_or(band);
    format!("Time to first byte: mostly {}, the slowest {}", name(band), name(highest))
}

/// The counts for the crosshair: for each column the first band used and the counts from there.
fn plot_with_counts(
    out: &mut String,
    window: Window,
    columns: &super::columns::Columns,
    cells: &[Cells],
    bands: &RangeInclusive<usize>,
) {
    plot(out, window, columns);
    // The start tag is still the last thing written.
    out.pop();
    let (low, high) = (bands.start(), bands.end());
    let _ = write!(out, " data-bands=\"{low} {high}\" data-cells=\"");
    for (index, Cells { counts, .. }) in cells.iter().enumerate() {
        if index > 0 {
            out.push(';');
        }
        let used = |count: &u64| *count > 0;
        let [Some(first), Some(last)] =
            [counts.iter().position(used), counts.iter().rposition(used)]
        else {
            continue;
        };
        let _ = write!(out, "{first}:");
        for (index, count) in counts[first..=last].iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            // More than three digits cannot be read in passing.
            let count = if *count < 10_000 { *count } else { whole(float(*count) / 1e3) * 1000 };
            let _ = write!(out, "{comma}{count}");
        }
    }
    out.push_str("\">");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(band: usize, count: u32) -> Vec<u32> {
        let mut counts = vec![0; HEAT_BANDS];
        counts[band] = count;
        counts
    }

    fn written(latency_bands: Vec<Vec<u32>>) -> String {
        let history = History {
            range: "10m".to_owned(),
            step_seconds: 1,
            end: "2026-11-21T08:20:00Z".to_owned(),
            requests: vec![[0; 5]; latency_bands.len()],
            latency_bands,
            ..History::default()
        };
        let mut out = String::new();
        write(&mut out, &history, Window::new(&history));
        out
    }

    #[test]
    fn neighbours_of_one_shade_are_one_piece() {
        let text = written(vec![step(4, 100); 20]);
        // Eight rows, the fifth band is the lowest of them.
        assert!(text.contains("<path class=\"h5\" d=\"M580 7H600\"/>"), "{text}");
        assert!(text.contains("data-cells=\"4:500;4:500;4:500;4:500\""), "{text}");
    }

    #[test]
    fn one_slow_answer_among_thousands_is_seen() {
        let mut steps = vec![step(3, 60_000); 600];
        steps[300] = step(20, 1);
        let text = written(steps);
        assert!(text.contains("<path class=\"h1\" d=\"M300 0H305\"/>"), "{text}");
        assert!(text.contains("the slowest 8.39 s to 16.8 s"), "{text}");
    }

    #[test]
    fn nothing_and_nonsense_are_drawn_as_nothing() {
        assert!(written(Vec::new()).contains("<path class=\"h1\" d=\"\"/>"));
        assert!(written(vec![Vec::new(), vec![0; 99]]).contains("no answers"));
    }

    #[test]
    fn any_count_has_a_shade() {
        for most in [1, 2, 1000, u64::MAX] {
            assert_eq!(shade(0, most), 0);
            assert!((1..=SHADES).contains(&shade(1, most)));
            assert_eq!(shade(most, most), SHADES);
        }
    }

    #[test]
    fn there_is_always_room_for_the_fewest_bands() {
        for band in 0..HEAT_BANDS {
            let mut counts = [0; HEAT_BANDS];
            counts[band] = 1;
            let bands = used(&[Cells { left: 0, right: 1, counts }]);
            assert!(bands.contains(&band) && bands.clone().count() == FEWEST, "{bands:?}");
        }
    }
}
