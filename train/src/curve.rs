//! The loss curve as a picture.

use crate::trainer::Point;
use plotters::prelude::*;
use std::error::Error;
use std::fs::File;
use std::io::Read;
use std::path::Path;

const SIZE: (u32, u32) = (840, 480);
const TRAINING: RGBColor = RGBColor(150, 160, 175);
const HELD_OUT: RGBColor = RGBColor(20, 90, 160);

/// What every picture of ours says, near its beginning.
const MARK: &str = "<desc>loss curve of atome train</desc>";
/// Where the mark must have ended, in bytes.
const MARK_WITHIN: u64 = 512;

/// Whether a file is a loss curve of ours.
pub(crate) fn is_one(path: &Path) -> bool {
    says(path, MARK)
}

/// Whether a file says this near its beginning.
pub(crate) fn says(path: &Path, mark: &str) -> bool {
    let mut start = Vec::new();
    let read = File::open(path).map(|file| file.take(MARK_WITHIN).read_to_end(&mut start));
    read.is_ok()
        && start
            .windows(mark.len())
            .any(|part| part == mark.as_bytes())
}

/// Bits over steps, on what is trained on and on what is held out, as SVG; `unit` is what they are bits of.
///
/// # Errors
/// If the plotting library fails.
pub(crate) fn svg(points: &[Point], unit: &str) -> Result<String, Box<dyn Error + Send + Sync>> {
    let mut picture = String::new();
    {
        let root = SVGBackend::with_string(&mut picture, SIZE).into_drawing_area();
        root.fill(&WHITE)?;
        let last = points.last().map_or(1, |p| p.step.max(1));
        let bits = points.iter().flat_map(|p| [p.training, p.held_out]);
        let (low, high) = bits.fold((f64::INFINITY, 1.0f64), |(low, high), bits| {
            (low.min(bits), high.max(bits))
        });
        let low = if low.is_finite() {
            (low - 0.1).max(0.0)
        } else {
            0.0
        };
        let mut chart = ChartBuilder::on(&root)
            .margin(16)
            .x_label_area_size(40)
            .y_label_area_size(52)
            .build_cartesian_2d(0..last, low..high + 0.1)?;
        chart
            .configure_mesh()
            .x_desc("steps")
            .y_desc(format!("bits a {unit}"))
            .label_style(("sans-serif", 16))
            .light_line_style(WHITE)
            .draw()?;
        for (label, color, held_out) in [
            ("trained on", TRAINING, false),
            ("held out", HELD_OUT, true),
        ] {
            let bits = |p: &Point| if held_out { p.held_out } else { p.training };
            let line = LineSeries::new(
                points.iter().map(|p| (p.step, bits(p))),
                color.stroke_width(2),
            );
            chart.draw_series(line)?.label(label).legend(move |(x, y)| {
                PathElement::new([(x, y), (x + 20, y)], color.stroke_width(2))
            });
        }
        chart
            .configure_series_labels()
            .label_font(("sans-serif", 16))
            .background_style(WHITE)
            .border_style(TRAINING)
            .draw()?;
        root.present()?;
    }
    // After the opening tag.
    let tag = picture.find('>').map_or(0, |at| at + 1);
    picture.insert_str(tag, MARK);
    Ok(picture)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_curves_are_drawn() {
        let point = |step| Point {
            step,
            training: 3.0 - step as f64 / 100.0,
            held_out: 3.1 - step as f64 / 100.0,
        };
        let picture = svg(&[point(10), point(20), point(30)], "byte").expect("drawn");
        assert!(picture.starts_with("<svg"), "{picture}");
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("curve.svg");
        assert!(!is_one(&path), "not there");
        std::fs::write(&path, &picture).expect("written");
        assert!(is_one(&path));
        std::fs::write(&path, "<svg></svg>").expect("written");
        assert!(!is_one(&path));
        for color in ["#96A0AF", "#145AA0"] {
            let stroke = format!("stroke=\"{color}\" stroke-width=\"2\"");
            assert_eq!(
                picture.matches(&stroke).count(),
                2,
                "a curve and its legend"
            );
        }
        assert!(picture.contains("held out") && picture.contains("bits a byte"));
        assert!(svg(&[], "byte").is_ok());
    }
}
