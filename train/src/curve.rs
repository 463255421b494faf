//! The loss curve as a picture.

use crate::trainer::Point;
use plotters::prelude::*;
use std::error::Error;

const SIZE: (u32, u32) = (840, 480);
const TRAINING: RGBColor = RGBColor(150, 160, 175);
const HELD_OUT: RGBColor = RGBColor(20, 90, 160);

/// Bits a byte over steps, on the training text and on the held-out text, as SVG.
///
/// # Errors
/// If the plotting library fails.
pub(crate) fn svg(points: &[Point]) -> Result<String, Box<dyn Error + Send + Sync>> {
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
            .y_desc("bits a byte")
            .label_style(("sans-serif", 16))
            .light_line_style(WHITE)
            .draw()?;
        for (label, color, held_out) in [
            ("training text", TRAINING, false),
            ("held-out text", HELD_OUT, true),
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
        let picture = svg(&[point(10), point(20), point(30)]).expect("drawn");
        assert!(picture.starts_with("<svg"), "{picture}");
        for color in ["#96A0AF", "#145AA0"] {
            let stroke = format!("stroke=\"{color}\" stroke-width=\"2\"");
            assert_eq!(
                picture.matches(&stroke).count(),
                2,
                "a curve and its legend"
            );
        }
        assert!(picture.contains("held-out text"));
        assert!(svg(&[]).is_ok());
    }
}
