//! The names that a filter may have been meant for.

use crate::failure::Failure;
use atome_benches::Bench;
use std::collections::BTreeSet;

/// What a name has at least in common with a filter that is meant for it.
const ALIKE: f64 = 0.6;
/// Names that are told.
const MOST: usize = 3;

/// That no benchmark has the filter in its name, and which ones are nearest.
pub(super) fn no_benchmark(filter: &str, benches: &[Bench]) -> Failure {
    let names: Vec<&str> = benches.iter().map(|bench| bench.name.as_str()).collect();
    let families = names.iter().filter_map(|name| words(name).next());
    let families: BTreeSet<&str> = families.collect();
    Failure::NoBenchmark {
        filter: filter.to_owned(),
        nearest: nearest(filter, &names),
        families: families.into_iter().map(str::to_owned).collect(),
    }
}

/// At most three names whose words are most like those of the filter, the best first.
fn nearest(filter: &str, names: &[&str]) -> Vec<String> {
    let mut alike: Vec<(f64, &str)> = Vec::new();
    for &name in names {
        if !alike.iter().any(|(_, known)| *known == name) {
            alike.push((likeness(filter, name), name));
        }
    }
    alike.retain(|(likeness, _)| *likeness >= ALIKE);
    alike.sort_by(|a, b| b.0.total_cmp(&a.0));
    let names = alike.iter().take(MOST).map(|(_, name)| (*name).to_owned());
    names.collect()
}

/// How much the words of a filter are like the likest words of a name, from 0 to 1.
fn likeness(filter: &str, name: &str) -> f64 {
    let best = |wanted: &str| {
        let alike = words(name).map(|word| strsim::jaro_winkler(wanted, word));
        alike.fold(0.0, f64::max)
    };
    let all: Vec<f64> = words(filter).map(best).collect();
    all.iter().sum::<f64>() / all.len().max(1) as f64
}

fn words(name: &str) -> impl Iterator<Item = &str> {
    let words = name.split(|c: char| !c.is_alphanumeric() && c != '.');
    words.filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_like_words_are_near() {
        let names = [
            "embed-int2-f32-avx2/32000x4096/hot",
            "gemv-int2-f32-avx2/256x256",
            "gemv-int2-i8-avx2/1024x4096",
            "gemv-int2-i8-avx2/1024x4096",
            "gemm-int2-i8-avx2/1024x4096/T=8",
            "step-atome-avx2/944k",
        ];
        let first = |filter: &str| nearest(filter, &names).first().cloned();
        assert_eq!(first("gemv_int2_i8"), Some(names[2].to_owned()));
        assert_eq!(first("gemm-i8-avx512"), Some(names[4].to_owned()));
        assert_eq!(first("stpe"), Some(names[5].to_owned()));
        assert_eq!(first("944K"), Some(names[5].to_owned()));
        assert_eq!(nearest("nonesuch", &names), [""; 0]);
        assert_eq!(nearest("gemv-int2-i9", &names).len(), 3);
    }
}
