//! Where labels go: beside what they name, over nothing else.

/// A rectangle in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rect {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Rect {
    pub(super) fn overlaps(&self, other: &Rect) -> bool {
        self.x < other.x + other.width
            && other.x < self.x + self.width
            && self.y < other.y + other.height
            && other.y < self.y + self.height
    }

    pub(super) fn contains(&self, other: &Rect) -> bool {
        self.x <= other.x
            && self.y <= other.y
            && other.x + other.width <= self.x + self.width
            && other.y + other.height <= self.y + self.height
    }
}

/// Height of a line of a label.
pub(super) const LINE: f64 = 13.0;
/// From the middle of a point to its label.
const GAP: f64 = 9.0;
/// Steps by which a label moves away.
const STEP: f64 = 4.0;

/// How wide a text of a label is at most.
pub(super) fn width(text: &str) -> f64 {
    6.5 * text.chars().count() as f64
}

/// Places a label for each point, `(x, y)` with its text, within `area`, clear of `taken` and of each other: at
/// its right or left, and as little up or down as can be. `None` where there is no room left.
pub(super) fn place(points: &[(f64, f64, &str)], area: &Rect, taken: &[Rect]) -> Vec<Option<Rect>> {
    let mut taken = taken.to_vec();
    let mut placed = vec![None; points.len()];
    let mut order: Vec<usize> = (0..points.len()).collect();
    order.sort_by(|a, b| points[*a].1.total_cmp(&points[*b].1));
    for i in order {
        let (x, y, text) = points[i];
        let found = candidates(x, y, text)
            .find(|rect| area.contains(rect) && !taken.iter().any(|taken| taken.overlaps(rect)));
        taken.extend(found);
        placed[i] = found;
    }
    placed
}

/// Places of a label, the best first.
fn candidates(x: f64, y: f64, text: &str) -> impl Iterator<Item = Rect> {
    let (width, half) = (width(text), LINE / 2.0);
    let rect = move |left: f64, dy: f64| Rect {
        x: left,
        y: y + dy - half,
        width,
        height: LINE,
    };
    (0..120).flat_map(move |n| {
        let dy = f64::from(n) * STEP;
        let [right, left] = [x + GAP, x - GAP - width];
        [
            rect(right, dy),
            rect(right, -dy),
            rect(left, dy),
            rect(left, -dy),
        ]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_one_place_overlap_nothing() {
        let area = Rect {
            x: 0.0,
            y: 0.0,
            width: 600.0,
            height: 400.0,
        };
        let marker = Rect {
            x: 95.0,
            y: 195.0,
            width: 10.0,
            height: 10.0,
        };
        let points: Vec<_> = (0..24)
            .map(|i| (100.0, 200.0 + f64::from(i) / 8.0, "gemv int2"))
            .collect();
        let placed: Vec<Rect> = place(&points, &area, &[marker])
            .into_iter()
            .flatten()
            .collect();
        assert_eq!(placed.len(), points.len());
        for (i, rect) in placed.iter().enumerate() {
            assert!(area.contains(rect) && !rect.overlaps(&marker));
            assert!(placed[..i].iter().all(|other| !other.overlaps(rect)));
        }
        let tight = Rect {
            height: 14.0,
            ..area
        };
        let few = place(
            &[(100.0, 7.0, "a"), (100.0, 7.0, "b"), (100.0, 7.0, "c")],
            &tight,
            &[],
        );
        assert_eq!(
            few.iter().flatten().count(),
            2,
            "right, left, and no third place"
        );
    }
}
