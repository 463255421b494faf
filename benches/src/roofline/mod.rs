//! A picture of kernels under what bounds them: multiply-accumulates a second over those a byte, both logarithmic.
//!
//! | file | concept |
//! |---|---|
//! | `axes` | numbers to pixels |
//! | `labels` | where labels go |
//! | `svg` | the text of a picture, in light and in dark |

mod axes;
mod labels;
mod svg;

use crate::limit::LimitKind;
use crate::record::Record;
use axes::{Axis, around};
use labels::{LINE, Rect};
use std::collections::BTreeSet;
use svg::{MARK, Svg};

const WIDTH: f64 = 1160.0;
const HEIGHT: f64 = 700.0;
/// What lies around the axes: above, at the right, below, at the left.
const MARGINS: [f64; 4] = [64.0, 262.0, 52.0, 60.0];
/// Points of a kernel that are so near to each other have one label.
const NEAR: f64 = 10.0;

/// Whether a text is a picture of [`roofline`].
pub fn is_roofline(text: &str) -> bool {
    text.contains(MARK)
}

/// A picture of what multiplies among some records, as SVG. Its roofs are the limits among them.
///
/// `name` is what it is called: the machine, say.
pub fn roofline(name: &str, records: &[Record]) -> String {
    let points: Vec<Point<'_>> = records.iter().filter_map(Point::new).collect();
    let roofs = Roofs::new(records, &points);
    let [above, right, below, left] = MARGINS;
    let xs = points.iter().map(|point| point.x);
    let (least, most) = around(xs.chain([1.0, 4096.0]), 2.0);
    let x = Axis::new((least, most), (left, WIDTH - right));
    let ys = points.iter().map(|point| point.y).chain(roofs.values());
    // So that the roofs of memory are seen where they begin.
    let ys = ys.chain(roofs.bandwidths.iter().map(|(_, value)| 2.0 * value));
    // And a little air above.
    let (least, most) = around(ys.flat_map(|value| [value, 1.2 * value]), 2.0);
    let y = Axis::new((least, most), (HEIGHT - below, above));
    let mut chart = Chart {
        svg: Svg::new(WIDTH, HEIGHT, name),
        x,
        y,
    };
    chart.grid(name);
    let written = chart.roofs(&roofs);
    chart.points(&points, &roofs, written);
    chart.key(&points);
    chart.svg.finish()
}

/// Something that multiplies.
struct Point<'r> {
    record: &'r Record,
    /// Multiply-accumulates a byte of weights.
    x: f64,
    /// 10^9 of them a second.
    y: f64,
}

impl<'r> Point<'r> {
    fn new(record: &'r Record) -> Option<Point<'r>> {
        let y = record.gmacs.filter(|_| !record.is_limit())?;
        let x = y / record.gbps;
        let is_drawn = |v: f64| v.is_finite() && v > 0.0;
        (is_drawn(x) && is_drawn(y)).then_some(Point { record, x, y })
    }

    /// A whole model.
    fn is_model(&self) -> bool {
        self.record.tok_s.is_some()
    }

    /// The class of its colour, and its words in the key.
    fn class(&self) -> (&'static str, &'static str) {
        let method = self.record.method.as_deref();
        match method {
            _ if self.is_model() => ("model", "whole models"),
            Some("lut") => ("lut", "int8, looked up"),
            Some("select") => ("select", "f32, selected"),
            _ if self.record.name.contains("base3") => ("base3", "int8 x base3"),
            _ => ("int2", "int8 x int2"),
        }
    }

    /// What the key does not say: the op, or what of which model, and the shape.
    fn parts(&self) -> (String, &str) {
        let (kernel, shape) = self
            .record
            .name
            .split_once('/')
            .unwrap_or((&self.record.name, ""));
        let words = kernel.split('-').take(if self.is_model() { 2 } else { 1 });
        (words.collect::<Vec<_>>().join(" "), shape)
    }

    /// What runs it, where that is not what most are run by.
    fn with(&self) -> String {
        let threads = self.record.threads;
        let jit = if self.record.backend == "jit" {
            " jit"
        } else {
            ""
        };
        match threads {
            1 => jit.to_owned(),
            threads => format!("{jit} x{threads}"),
        }
    }

    /// What is said of it to those who point at it.
    fn said(&self) -> String {
        let Record {
            name,
            backend,
            threads,
            limit,
            of_limit,
            ..
        } = self.record;
        let of = limit.of.as_deref().unwrap_or_default();
        let percent = 100.0 * of_limit;
        format!(
            "{name} ({backend}, threads {threads}): {:.1} GMAC/s, {percent:.0} % of {} {of} {:.1} {}",
            self.y,
            limit.kind.name(),
            limit.value,
            limit.kind.unit(),
        )
    }
}

/// What is above the points.
struct Roofs {
    /// Names and 10^9 bytes a second.
    bandwidths: Vec<(String, f64)>,
    /// Names and 10^9 multiply-accumulates a second.
    peaks: Vec<(String, f64)>,
}

impl Roofs {
    /// The bandwidths of the limits, and those peaks that bound a point, or all if none does.
    fn new(records: &[Record], points: &[Point<'_>]) -> Roofs {
        let limits = || records.iter().filter(|record| record.is_limit());
        let bandwidths = limits().filter_map(|record| {
            let name = match record.limit.kind {
                LimitKind::L2 => "L2".to_owned(),
                LimitKind::L3 => "L3".to_owned(),
                LimitKind::DramRead => {
                    let pages = record.limit.of.as_deref().unwrap_or_default();
                    format!("memory, pages of {pages}")
                }
                _ => return None,
            };
            Some((name, record.limit.value))
        });
        let used: BTreeSet<Option<&str>> = points
            .iter()
            .filter(|point| point.record.limit.kind.is_peak())
            .map(|point| point.record.limit.of.as_deref())
            .collect();
        let mut peaks: Vec<(String, f64)> = Vec::new();
        for record in limits().filter(|record| record.limit.kind.is_peak()) {
            let of = record.limit.of.as_deref();
            let name = of.unwrap_or_default();
            let is_used = used.is_empty() || used.contains(&of);
            if is_used && !peaks.iter().any(|(known, _)| known == name) {
                peaks.push((name.to_owned(), record.limit.value));
            }
        }
        let mut bandwidths: Vec<_> = bandwidths.collect();
        bandwidths.sort_by(|a, b| b.1.total_cmp(&a.1));
        // Lines that nobody could tell apart are one, which has the names of all.
        bandwidths.dedup_by(|slower, faster| {
            let is_one = faster.1 < 1.25 * slower.1;
            if is_one {
                faster.0 = both(&faster.0, &slower.0);
            }
            is_one
        });
        Roofs { bandwidths, peaks }
    }

    fn values(&self) -> impl Iterator<Item = f64> {
        self.peaks.iter().map(|(_, value)| *value)
    }

    fn highest(&self) -> f64 {
        self.values().fold(0.0, f64::max)
    }

    fn fastest(&self) -> f64 {
        let values = self.bandwidths.iter().map(|(_, value)| *value);
        values.fold(0.0, f64::max)
    }
}

/// Names of one line: `L3 & memory`. Memory by pages of two sizes is memory.
fn both(faster: &str, slower: &str) -> String {
    const MEMORY: &str = "memory";
    let mut names: Vec<&str> = faster.split(" & ").collect();
    match names.iter_mut().find(|name| name.starts_with(MEMORY)) {
        Some(name) if slower.starts_with(MEMORY) => *name = MEMORY,
        _ => names.push(slower),
    }
    names.join(" & ")
}

/// A picture with axes.
struct Chart {
    svg: Svg,
    x: Axis,
    y: Axis,
}

impl Chart {
    fn grid(&mut self, name: &str) {
        let (x, y) = (self.x, self.y);
        let (left, right) = (x.at(x.least()), x.at(x.most()));
        let (top, bottom) = (y.at(y.most()), y.at(y.least()));
        for power in x.powers(2.0) {
            self.svg
                .stroke("fine", (x.at(power), top), (x.at(power), bottom));
        }
        for power in x.powers(4.0) {
            let at = x.at(power);
            self.svg.stroke("grid", (at, top), (at, bottom));
            let label = number(power);
            self.svg
                .text(("muted", "middle"), (at, bottom + 18.0), 0.0, &label);
        }
        for tick in ticks(&y) {
            let at = y.at(tick);
            self.svg.stroke("grid", (left, at), (right, at));
            let label = number(tick);
            self.svg
                .text(("muted", "end"), (left - 8.0, at + 4.0), 0.0, &label);
        }
        self.svg.frame((left, top), (right - left, bottom - top));
        self.svg.text(("title", "start"), (left, 26.0), 0.0, name);
        let middle = ((left + right) / 2.0, bottom + 40.0);
        let what = "multiply-accumulates a byte of weights";
        self.svg.text(("muted", "middle"), middle, 0.0, what);
        let middle = (16.0, (top + bottom) / 2.0);
        let what = "GMAC/s";
        self.svg.text(("muted", "middle"), middle, -90.0, what);
    }

    /// Draws them; where their names are written.
    fn roofs(&mut self, roofs: &Roofs) -> Vec<Rect> {
        let mut written = Vec::new();
        let (x, y) = (self.x, self.y);
        let (left, right) = (x.least(), x.most());
        let highest = match roofs.highest() {
            0.0 => y.most(),
            highest => highest,
        };
        let slope = {
            let rise = y.at(10.0) - y.at(1.0);
            let run = x.at(10.0) - x.at(1.0);
            rise.atan2(run).to_degrees()
        };
        for (name, bandwidth) in &roofs.bandwidths {
            // From where it enters the frame to the highest peak.
            let from = left.max(y.least() / bandwidth);
            let to = right.min(highest / bandwidth);
            if from >= to {
                continue;
            }
            let ends = [from, to].map(|v| (x.at(v), y.at(v * bandwidth)));
            self.svg.stroke("roof", ends[0], ends[1]);
            let text = format!("{name} {} GB/s", significant(*bandwidth));
            let (sin, cos) = slope.to_radians().sin_cos();
            let (x0, y0) = ends[0];
            let at = (x0 + 12.0 * cos + 5.0 * sin, y0 + 12.0 * sin - 5.0 * cos);
            self.svg.text(("muted halo", "start"), at, slope, &text);
            let steps = (labels::width(&text) / 8.0) as usize;
            written.extend((0..steps).map(|step| {
                let along = 8.0 * step as f64;
                Rect {
                    x: at.0 + along * cos - 2.0,
                    y: at.1 + along * sin - 9.0,
                    width: 8.0,
                    height: 10.0,
                }
            }));
        }
        let fastest = roofs.fastest();
        let mut labels: Vec<(f64, String)> = Vec::new();
        for (name, peak) in &roofs.peaks {
            let from = if fastest > 0.0 {
                (peak / fastest).max(left)
            } else {
                left
            };
            let at = y.at(*peak);
            self.svg.stroke("peak", (x.at(from), at), (x.at(right), at));
            labels.push((at, format!("{name} {}", significant(*peak))));
        }
        labels.sort_by(|a, b| a.0.total_cmp(&b.0));
        let edge = x.at(right);
        let mut last = f64::NEG_INFINITY;
        for (at, text) in labels {
            let to = at.max(last + LINE + 1.0);
            last = to;
            self.svg.stroke("leader", (edge, at), (edge + 8.0, to));
            self.svg
                .text(("", "start"), (edge + 11.0, to + 4.0), 0.0, &text);
        }
        written
    }

    fn points(&mut self, points: &[Point<'_>], roofs: &Roofs, written: Vec<Rect>) {
        let (x, y) = (self.x, self.y);
        let at = |point: &Point<'_>| (x.at(point.x), y.at(point.y));
        let area = Rect {
            x: x.at(x.least()) + 2.0,
            y: y.at(y.most()) + 2.0,
            width: x.at(x.most()) - x.at(x.least()) - 4.0,
            height: y.at(y.least()) - y.at(y.most()) - 4.0,
        };
        let markers = points.iter().map(|point| {
            let (x, y) = at(point);
            Rect {
                x: x - 5.0,
                y: y - 5.0,
                width: 10.0,
                height: 10.0,
            }
        });
        let peaks = roofs.values().map(|peak| Rect {
            y: y.at(peak),
            height: 1.0,
            ..area
        });
        let taken: Vec<Rect> = markers.chain(peaks).chain(written).collect();
        let groups = groups(points, at);
        let named: Vec<(f64, f64, &str)> = groups
            .iter()
            .map(|group| (group.at.0, group.at.1, group.text.as_str()))
            .collect();
        let placed = labels::place(&named, &area, &taken);
        for (group, rect) in groups.iter().zip(&placed) {
            let Some(rect) = rect else { continue };
            let middle = rect.y + rect.height / 2.0;
            if (middle - group.at.1).abs() > 5.0 {
                let is_right = rect.x > group.at.0;
                let near = if is_right {
                    rect.x - 1.0
                } else {
                    rect.x + rect.width + 1.0
                };
                self.svg.stroke("leader", group.at, (near, middle));
            }
        }
        for point in points {
            let (class, _) = point.class();
            let hollow = if point.record.threads > 1 {
                " hollow"
            } else {
                ""
            };
            let class = format!("{class}{hollow}");
            self.svg
                .point(&class, at(point), point.is_model(), &point.said());
        }
        for (group, rect) in groups.iter().zip(&placed) {
            let Some(rect) = rect else { continue };
            let (anchor, at) = match rect.x > group.at.0 {
                true => ("start", rect.x),
                false => ("end", rect.x + rect.width),
            };
            let at = (at, rect.y + rect.height - 3.0);
            self.svg.text(("halo", anchor), at, 0.0, &group.text);
        }
    }

    /// What the colours are of.
    fn key(&mut self, points: &[Point<'_>]) {
        let mut known = BTreeSet::new();
        let mut at = self.x.at(self.x.least()) + 6.0;
        for point in points {
            let (class, words) = point.class();
            if known.insert(class) {
                self.svg.point(class, (at, 46.0), point.is_model(), words);
                self.svg.text(("", "start"), (at + 9.0, 50.0), 0.0, words);
                at += 34.0 + labels::width(words);
            }
        }
        if points.iter().any(|point| point.record.threads > 1) {
            self.svg.text(
                ("muted", "start"),
                (at, 50.0),
                0.0,
                "hollow: several threads; roofs are of the fewest",
            );
        }
    }
}

/// Points that have one label.
struct Group {
    at: (f64, f64),
    text: String,
}

/// The points of a kernel that lie together, with one label for all of them.
fn groups(points: &[Point<'_>], at: impl Fn(&Point<'_>) -> (f64, f64)) -> Vec<Group> {
    struct Near {
        at: (f64, f64),
        /// Colour and words.
        of: (&'static str, String),
        shapes: Vec<String>,
    }
    let mut groups: Vec<Near> = Vec::new();
    for point in points {
        let (at, (words, shape)) = (at(point), point.parts());
        let of = (point.class().0, words);
        let shape = format!("{shape}{}", point.with());
        let is_near = |near: &&mut Near| {
            let (dx, dy) = (near.at.0 - at.0, near.at.1 - at.1);
            near.of == of && dx.hypot(dy) < NEAR
        };
        match groups.iter_mut().find(is_near) {
            Some(near) => near.shapes.push(shape),
            None => groups.push(Near {
                at,
                of,
                shapes: vec![shape],
            }),
        }
    }
    let named = groups.into_iter().map(|near| {
        let more = match near.shapes.len() {
            1 => String::new(),
            n => format!(" +{}", n - 1),
        };
        Group {
            at: near.at,
            text: format!("{} {}{more}", near.of.1, near.shapes[0]),
        }
    });
    named.collect()
}

/// 1, 2 and 5 times the powers of ten that are on an axis.
fn ticks(axis: &Axis) -> Vec<f64> {
    let first = axis.least().log10().floor() as i32;
    let last = axis.most().log10().ceil() as i32;
    let decades = (first..=last).map(|n| 10f64.powi(n));
    let ticks = decades.flat_map(|decade| [1.0, 2.0, 5.0].map(|step| step * decade));
    let is_on = |tick: &f64| (axis.least()..=axis.most()).contains(tick);
    ticks.filter(is_on).collect()
}

/// `0.5`, `64`, `4k`.
fn number(x: f64) -> String {
    match x {
        x if x >= 1024.0 && x % 1024.0 == 0.0 => format!("{}k", x / 1024.0),
        x => format!("{x}"),
    }
}

fn significant(x: f64) -> String {
    if x < 99.95 {
        format!("{x:.1}")
    } else {
        format!("{x:.0}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::Limit;
    use crate::record_file::tests::record;

    fn limit(name: &str, kind: LimitKind, value: f64, of: &'static str) -> Record {
        let of = Some(of.into());
        Record {
            limit: Limit { kind, value, of },
            gmacs: kind.is_peak().then_some(value),
            ..record(&format!("limit-{name}"), 1.0)
        }
    }

    fn product(name: &str, gmacs: f64, gbps: f64) -> Record {
        let of = Some("vpdpbusd zmm".into());
        let (kind, value) = (LimitKind::DotPeak, 500.0);
        Record {
            gmacs: Some(gmacs),
            gbps,
            limit: Limit { kind, value, of },
            ..record(name, 1.0)
        }
    }

    #[test]
    fn a_picture_has_every_point_and_the_roofs_above_them() {
        let records = [
            limit("l2", LimitKind::L2, 280.0, ""),
            limit("dram/4K", LimitKind::DramRead, 48.0, "4K"),
            limit("dram/2M", LimitKind::DramRead, 50.0, "2M"),
            limit("gemm", LimitKind::DotPeak, 500.0, "vpdpbusd zmm"),
            limit(
                "gemm-avx2",
                LimitKind::DotPeak,
                250.0,
                "vpmaddubsw+vpaddw ymm",
            ),
            product("gemv-int2-i8-avx512vnni/256x256", 440.0, 110.0),
            product("gemv-int2-i8-avx512vnni/1024x4096", 442.0, 110.5),
            product("gemm-base3-i8-avx512vnni/<&>/T=8", 450.0, 11.25),
            record("embed-int2-f32-avx2", 1.0),
        ];
        let records = records.map(|record| match record.name.starts_with("embed") {
            true => Record {
                gmacs: None,
                ..record
            },
            false => record,
        });
        let svg = roofline("a CPU", &records);
        assert!(is_roofline(&svg) && !is_roofline("<svg></svg>"));
        assert_eq!(svg.matches(r#"class="point"#).count(), 3 + 2, "{svg}");
        for text in [
            "gemv 256x256 +1",
            "gemm &lt;&amp;&gt;/T=8",
            "memory 50.0 GB/s",
            "vpdpbusd zmm 500",
        ] {
            assert!(svg.contains(&format!(">{text}</text>")), "{text} in {svg}");
        }
        assert!(
            !svg.contains(">vpmaddubsw") && !svg.contains("NaN"),
            "{svg}"
        );
        assert!(svg.contains("prefers-color-scheme: dark"), "{svg}");
        // A cache that measures as slow as memory still has its name.
        let slow = [
            limit("l2", LimitKind::L2, 45.0, ""),
            limit("l3", LimitKind::L3, 20.0, ""),
        ];
        let slow = roofline("", &[&slow, &records[1..3]].concat());
        assert!(slow.contains(">memory &amp; L2 50.0 GB/s</text>"), "{slow}");
        assert!(slow.contains(">L3 20.0 GB/s</text>"), "{slow}");
        // Roofs alone, and nothing at all, are pictures too.
        assert!(roofline("", &records[..5]).contains(">vpmaddubsw+vpaddw ymm 250</text>"));
        assert!(!roofline("", &[]).contains("NaN"));
    }

    #[test]
    fn an_axis_has_ticks_that_people_count_by() {
        let axis = Axis::new((8.0, 256.0), (0.0, 1.0));
        assert_eq!(ticks(&axis), [10.0, 20.0, 50.0, 100.0, 200.0]);
        assert_eq!(
            [0.5, 64.0, 1000.0, 4096.0].map(number),
            ["0.5", "64", "1000", "4k"]
        );
    }
}
