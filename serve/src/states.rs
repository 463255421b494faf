//! A vector for a text: what the last block of a model remembers of it.

use atome::Session;

/// The most numbers of a vector.
const MOST: usize = 4096;

/// What the last of a session's states remembers, of length 1: neighbours in it are averaged where it has more than
/// [`MOST`] numbers. Empty for a model that remembers nothing but attention's caches.
pub(crate) fn embedding(session: &Session) -> Vec<f32> {
    // What a convolution looks back on is the last few tokens, not the text.
    let remembers = |name: &str| !name.ends_with(".history");
    let state = session.states().filter(|(name, _)| remembers(name)).last();
    state.map_or_else(Vec::new, |(_, state)| pooled(state, MOST))
}

fn pooled(state: &[f32], most: usize) -> Vec<f32> {
    let group = state.len().div_ceil(most).max(1);
    let sum = |group: &[f32]| group.iter().map(|x| f64::from(*x)).sum::<f64>();
    let sums: Vec<f64> = state.chunks(group).map(sum).collect();
    let length = sums.iter().map(|x| x * x).sum::<f64>().sqrt();
    let scale = if length > 0.0 { length.recip() } else { 0.0 };
    sums.iter().map(|x| (x * scale) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_has_length_one_and_a_bounded_size() {
        assert_eq!(pooled(&[3.0, -4.0], 4096), [0.6, -0.8]);
        assert_eq!(pooled(&[1.0, 2.0, 2.0, 2.0], 2), [0.6, 0.8]);
        assert_eq!(pooled(&[1.0; 9], 4), [1.0 / 3f32.sqrt(); 3]);
        assert_eq!(pooled(&[0.0; 4], 4), [0.0; 4]);
        assert!(pooled(&[], 4).is_empty());
        // The last neighbours may be fewer.
        assert_eq!(
            pooled(&[1.0, 1.0, 1.0], 2),
            [0.8f64.sqrt() as f32, 0.2f64.sqrt() as f32]
        );
    }
}
