//! A classifier's confusion matrix and the reliability of its probabilities, as a picture.

use atome::classify::Report;
use std::fmt::Write as _;

/// What every such picture says near its beginning.
pub(crate) const MARK: &str = "<desc>report of atome train</desc>";

/// Most classes whose counts are written into their cells.
const WITH_COUNTS: usize = 24;
/// Side of the reliability's square, and of the whole matrix at most.
const SIDE: f64 = 360.0;
const MARGIN: f64 = 90.0;
const INK: &str = "#145aa0";

/// Both, side by side, as SVG.
pub(crate) fn svg(report: &Report) -> String {
    let (width, height) = (2.0 * SIDE + 3.0 * MARGIN, SIDE + 1.6 * MARGIN);
    let mut out = String::new();
    let _ = write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"12\">{MARK}\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>"
    );
    confusion(report, MARGIN, 0.7 * MARGIN, &mut out);
    reliability(report, SIDE + 2.2 * MARGIN, 0.7 * MARGIN, &mut out);
    out.push_str("</svg>\n");
    out
}

fn text(x: f64, y: f64, anchor: &str, text: &str, out: &mut String) {
    let text = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let _ = write!(
        out,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"
    );
}

/// Rows are what is true, columns what is said; a cell is as dark as its share of the row.
fn confusion(report: &Report, left: f64, top: f64, out: &mut String) {
    let classes = report.classes.len();
    let cell = SIDE / classes.max(1) as f64;
    text(
        left,
        top - 40.0,
        "start",
        "what is true (rows) and what is said",
        out,
    );
    for (truth, row) in report.confusion.iter().enumerate() {
        let texts: usize = row.iter().sum();
        let y = top + cell * truth as f64;
        if classes <= 2 * WITH_COUNTS {
            let name = &report.classes[truth].name;
            text(left - 6.0, y + cell / 2.0 + 4.0, "end", name, out);
        }
        for (said, &count) in row.iter().enumerate() {
            // Of many classes most cells are empty, and there are as many as would fill a disk.
            if count == 0 && classes > 2 * WITH_COUNTS {
                continue;
            }
            let (x, share) = (
                left + cell * said as f64,
                count as f64 / texts.max(1) as f64,
            );
            let _ = write!(
                out,
                "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{cell:.1}\" height=\"{cell:.1}\" fill=\"{INK}\" \
                 fill-opacity=\"{share:.3}\" stroke=\"#ddd\" stroke-width=\"0.5\"/>"
            );
            if classes <= WITH_COUNTS && count > 0 {
                let color = if share > 0.5 { "#fff" } else { "#333" };
                let _ = write!(out, "<g fill=\"{color}\" font-size=\"9\">");
                let (x, y) = (x + cell / 2.0, y + cell / 2.0 + 3.0);
                text(x, y, "middle", &count.to_string(), out);
                out.push_str("</g>");
            }
        }
    }
    if classes <= 2 * WITH_COUNTS {
        for (said, class) in report.classes.iter().enumerate() {
            let (x, y) = (left + cell * (said as f64 + 0.5), top - 6.0);
            let _ = write!(out, "<g transform=\"rotate(-45 {x:.1} {y:.1})\">");
            text(x, y, "start", &class.name, out);
            out.push_str("</g>");
        }
    }
}

/// How often answers of a probability are right; on the line they are as often as they say.
fn reliability(report: &Report, left: f64, top: f64, out: &mut String) {
    let at = |x: f64, y: f64| (left + SIDE * x, top + SIDE * (1.0 - y));
    let title = format!(
        "share that is right, by probability; calibration error {:.3}",
        report.calibration_error
    );
    text(left, top - 12.0, "start", &title, out);
    let _ = write!(
        out,
        "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{SIDE}\" height=\"{SIDE}\" fill=\"none\" stroke=\"#999\"/>"
    );
    let ((x1, y1), (x2, y2)) = (at(0.0, 0.0), at(1.0, 1.0));
    let _ = write!(
        out,
        "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"#999\" stroke-dasharray=\"4\"/>"
    );
    for tick in [0.0, 0.5, 1.0] {
        let ((x, y), (_, row)) = (at(tick, 0.0), at(0.0, tick));
        text(x, y + 16.0, "middle", &tick.to_string(), out);
        text(left - 6.0, row + 4.0, "end", &tick.to_string(), out);
    }
    for bin in report.reliability.iter().filter(|bin| bin.texts > 0) {
        let (x, y) = at(bin.probability, bin.right);
        let share = bin.texts as f64 / report.texts.max(1) as f64;
        let radius = 3.0 + 12.0 * share.sqrt();
        let _ = write!(
            out,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius:.1}\" fill=\"{INK}\" fill-opacity=\"0.7\"/>"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use atome::classify::{Judged, Labels, Verdict};

    #[test]
    fn every_cell_and_bin_is_drawn_and_names_are_text() {
        let labels = Labels {
            names: vec!["<a>".to_owned(), "b & c".to_owned()],
            ..Labels::numbered(0)
        };
        let judged = |class, logits: [f32; 2]| Judged {
            class: Some(class),
            verdict: Verdict::new(&labels, &logits, &[]),
        };
        let report = Report::new(&labels, &[judged(0, [2.0, 0.0]), judged(1, [0.1, 0.0])]);
        let picture = svg(&report);
        assert!(picture.starts_with("<svg") && picture.contains(MARK));
        assert_eq!(picture.matches("stroke=\"#ddd\"").count(), 4);
        assert_eq!(picture.matches("<circle").count(), 2);
        assert!(picture.contains("&lt;a&gt;") && picture.contains("b &amp; c"));
        assert!(!picture.contains("<a>") && !picture.contains("NaN"));
    }
}
