//! A history in one row of letters.

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// As many letters as `width`, the newest on the right; each is the mean of its stretch, as high as
/// it is of the highest. A stretch of which nothing is known is blank.
#[allow(clippy::cast_precision_loss)] // no terminal is that wide
pub(in crate::commands) fn spark(values: &[Option<f64>], width: usize) -> String {
    let columns = values.len().min(width);
    let means: Vec<_> = (0..columns)
        .map(|column| {
            let stretch = column * values.len() / columns..(column + 1) * values.len() / columns;
            let known = values.get(stretch).unwrap_or_default().iter().flatten();
            let (count, sum) =
                known.fold((0_usize, 0.0), |(count, sum), value| (count + 1, sum + value));
            (count > 0).then(|| sum / count as f64)
        })
        .collect();
    let highest = means.iter().flatten().copied().fold(0.0, f64::max);
    let letters = means.iter().map(|mean| mean.map_or(' ', |mean| bar(mean, highest)));
    " ".repeat(width - columns).chars().chain(letters).collect()
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn bar(value: f64, highest: f64) -> char {
    // Nothing is as low as little: what is there shall be seen.
    let height = if value > 0.0 { (value / highest * 7.0).ceil() as usize } else { 0 };
    BARS.get(height).copied().unwrap_or('█')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(values: &[f64]) -> Vec<Option<f64>> {
        values.iter().copied().map(Some).collect()
    }

    #[test]
    fn the_highest_is_full_and_nothing_is_low() {
        assert_eq!(spark(&some(&[0.0, 0.001, 0.5, 1.0]), 4), "▁▂▅█");
        assert_eq!(spark(&some(&[0.0, 0.0]), 2), "▁▁");
        assert_eq!(spark(&[Some(2.0), None, Some(1.0)], 3), "█ ▅");
    }

    #[test]
    fn stretches_are_drawn_together_and_few_values_stand_on_the_right() {
        assert_eq!(spark(&some(&[0.0, 4.0, 4.0, 4.0]), 2), "▅█");
        assert_eq!(spark(&some(&[1.0]), 3), "  █");
        assert_eq!(spark(&[], 2), "  ");
        assert_eq!(spark(&some(&[1.0]), 0), "");
        let odd = spark(&some(&[f64::NAN, f64::INFINITY, -1.0, 1.0]), 4);
        assert_eq!(odd.chars().count(), 4);
        for width in 1..50 {
            assert_eq!(spark(&some(&[1.0; 37]), width).chars().count(), width);
        }
    }
}
