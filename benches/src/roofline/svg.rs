//! The text of a picture.

use std::fmt::{Display, Write as _};

/// What says that a picture is one of these.
pub(super) const MARK: &str = "<!-- roofline of atome bench -->";

/// Colours by what they are of, in light and in dark. Not by custom properties: many who show pictures have none.
const STYLE: &str = "
text { font: 11px ui-sans-serif, system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif; fill: #1f2328; }
.title { font-size: 15px; font-weight: 600; }
.muted { fill: #59636e; }
.paper { fill: #ffffff; }
.halo { paint-order: stroke; stroke: #ffffff; stroke-width: 3px; stroke-linejoin: round; }
.grid { stroke: #d8dee4; stroke-width: 1; }
.fine { stroke: #eef1f4; stroke-width: 1; }
.frame { stroke: #8c959f; stroke-width: 1; fill: none; }
.roof { stroke: #59636e; stroke-width: 1.5; fill: none; }
.peak { stroke: #59636e; stroke-width: 1.5; stroke-dasharray: 6 4; fill: none; }
.leader { stroke: #8c959f; stroke-width: 0.75; fill: none; }
.int2 { fill: #0969da; stroke: #0969da; }
.base3 { fill: #bc4c00; stroke: #bc4c00; }
.lut { fill: #1a7f37; stroke: #1a7f37; }
.select { fill: #8250df; stroke: #8250df; }
.model { fill: #bf3989; stroke: #bf3989; }
.point { stroke-width: 1.75; }
.hollow { fill: #ffffff; }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3; }
.muted { fill: #9198a1; }
.paper, .hollow { fill: #0d1117; }
.halo { stroke: #0d1117; }
.grid { stroke: #2a313c; }
.fine { stroke: #1b2129; }
.frame, .leader { stroke: #656c76; }
.roof, .peak { stroke: #9198a1; }
.int2 { fill: #58a6ff; stroke: #58a6ff; }
.base3 { fill: #f0883e; stroke: #f0883e; }
.lut { fill: #3fb950; stroke: #3fb950; }
.select { fill: #bc8cff; stroke: #bc8cff; }
.model { fill: #ff80c8; stroke: #ff80c8; }
.hollow { fill: #0d1117; }
}
";

/// A picture as it grows.
pub(super) struct Svg(String);

impl Svg {
    pub(super) fn new(width: f64, height: f64, name: &str) -> Svg {
        let mut svg = Svg(String::new());
        svg.line(format_args!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">"#
        ));
        svg.line(MARK);
        svg.line(format_args!("<title>{}</title>", escaped(name)));
        svg.line(format_args!("<style>{STYLE}</style>"));
        svg.line(format_args!(
            r#"<rect class="paper" width="{width}" height="{height}"/>"#
        ));
        svg
    }

    fn line(&mut self, line: impl Display) {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "{line}");
    }

    pub(super) fn stroke(&mut self, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        self.line(format_args!(
            r#"<line class="{class}" x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}"/>"#
        ));
    }

    /// A text whose `anchor` (`start`, `middle`, `end`) is at a point, turned by some degrees.
    pub(super) fn text(
        &mut self,
        (class, anchor): (&str, &str),
        (x, y): (f64, f64),
        degrees: f64,
        text: &str,
    ) {
        let turned = match degrees {
            0.0 => String::new(),
            degrees => format!(r#" transform="rotate({degrees:.1} {x:.1} {y:.1})""#),
        };
        let text = escaped(text);
        self.line(format_args!(
            r#"<text class="{class}" text-anchor="{anchor}" x="{x:.1}" y="{y:.1}"{turned}>{text}</text>"#
        ));
    }

    pub(super) fn frame(&mut self, (x, y): (f64, f64), (width, height): (f64, f64)) {
        self.line(format_args!(
            r#"<rect class="frame" x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}"/>"#
        ));
    }

    /// A disc, or a square on its corner, that says what it is to those who point at it.
    pub(super) fn point(&mut self, class: &str, (x, y): (f64, f64), is_square: bool, what: &str) {
        let what = escaped(what);
        self.line(match is_square {
            false => format!(
                r#"<circle class="point {class}" cx="{x:.1}" cy="{y:.1}" r="4"><title>{what}</title></circle>"#
            ),
            true => format!(
                r#"<path class="point {class}" d="M{x:.1} {y:.1}m-5 0l5 -5l5 5l-5 5z"><title>{what}</title></path>"#
            ),
        });
    }

    pub(super) fn finish(mut self) -> String {
        self.line("</svg>");
        self.0
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_text() {
        let mut svg = Svg::new(10.0, 10.0, "a<b>&c");
        svg.text(("muted", "start"), (1.0, 2.0), 0.0, "</svg>");
        let svg = svg.finish();
        assert!(
            svg.contains("<title>a&lt;b&gt;&amp;c</title>") && svg.contains(MARK),
            "{svg}"
        );
        assert_eq!(svg.matches("</svg>").count(), 1, "{svg}");
    }
}
