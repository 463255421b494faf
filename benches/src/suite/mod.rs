//! The list of benchmarks.
//!
//! | file | what |
//! |---|---|
//! | `kernels` | kernels by themselves, and what the machine can do at most |
//! | `models` | whole models |

mod kernels;
mod models;

use crate::error::BenchError;
use crate::record::Record;
use crate::settings::Settings;
use crate::source::sources;
use atome::{BackendKind, LoadError};
use atome_codegen::Schedule;
use kernels::Kernels;
use models::add_model;
use std::rc::Rc;
use std::thread;

/// A benchmark that can be run.
pub struct Bench {
    /// The name of its record.
    pub name: String,
    /// The backend of its record: more than one may run the same.
    pub backend: BackendKind,
    /// Threads that work on it: the same may be timed with one and with several.
    pub threads: usize,
    work: Work,
}

/// Runs the benchmark of that name.
type Work = Box<dyn Fn(&str) -> Result<Record, BenchError>>;

impl Bench {
    fn new(
        name: String,
        backend: BackendKind,
        work: impl Fn(&str) -> Result<Record, BenchError> + 'static,
    ) -> Bench {
        Bench {
            name,
            backend,
            threads: 1,
            work: Box::new(work),
        }
    }

    fn by(self, threads: usize) -> Bench {
        Bench { threads, ..self }
    }

    /// Checks the answer, measures the limit, then the benchmark.
    ///
    /// # Errors
    /// If the answer is wrong, or a model cannot be loaded.
    pub fn run(&self) -> Result<Record, BenchError> {
        (self.work)(&self.name)
    }
}

/// The benchmarks, in the order in which they should run.
///
/// # Errors
/// If there is a schedule, and no kernel that can be laid out so by the backend asked for.
pub fn suite(settings: &Settings) -> Result<Vec<Bench>, BenchError> {
    if settings.schedule.is_some() {
        return laid_out(settings);
    }
    let mut kernels = Kernels::new(settings, ways(settings.backend));
    if !kernels.ways.is_empty() && settings.model.is_none() {
        kernels.add_limits();
        kernels.add_copy();
        kernels.add_embed_bytes();
        kernels.add();
        kernels.add_maps();
        kernels.add_attention();
        kernels.add_deltas();
        kernels.add_texts();
    }
    let mut benches = kernels.benches;
    for source in sources(settings) {
        add_model(&mut benches, settings, &Rc::new(source));
    }
    Ok(benches)
}

/// What the machine can do at most, as benchmarks: those of [`suite`], whatever else is asked for.
pub fn limits(settings: &Settings) -> Vec<Bench> {
    let mut kernels = Kernels::new(settings, Vec::new());
    kernels.add_limits();
    kernels.benches
}

/// How a backend has kernels made: now by the schedules that are selected, or ahead of time.
fn ways(backend: BackendKind) -> Vec<Option<Schedule>> {
    let now = Some(Schedule::default());
    match backend {
        BackendKind::Auto if BackendKind::Jit.check().is_ok() => vec![now, None],
        BackendKind::Auto | BackendKind::Aot => vec![None],
        BackendKind::Jit => vec![now],
        _ => Vec::new(),
    }
}

/// The kernels that have the schedule of the settings.
fn laid_out(settings: &Settings) -> Result<Vec<Bench>, BenchError> {
    let backend = settings.backend;
    match backend {
        BackendKind::Auto | BackendKind::Jit => {
            BackendKind::Jit.check().map_err(LoadError::from)?
        }
        _ => return Err(BenchError::NotLaidOut { backend }),
    }
    let mut kernels = Kernels::new(settings, vec![settings.schedule]);
    kernels.add();
    match (kernels.refused, settings.schedule) {
        (Some(cause), Some(schedule)) if kernels.benches.is_empty() => {
            Err(BenchError::Schedule { schedule, cause })
        }
        _ => Ok(kernels.benches),
    }
}

/// One thread, and two where there are as many CPUs.
fn up_to_two() -> Vec<usize> {
    let cpus = thread::available_parallelism().map_or(1, usize::from);
    (1..=cpus.min(2)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use atome::Tier;
    use atome::tune::Tuning;
    use std::collections::BTreeSet;

    fn settings(backend: BackendKind) -> Settings {
        Settings {
            tier: Tier::Portable,
            backend,
            threads: None,
            no_multiply: false,
            tuning: Tuning::Off,
            schedule: None,
            model: None,
        }
    }

    #[test]
    fn a_name_and_a_backend_are_one_benchmark() {
        let benches = suite(&settings(BackendKind::Auto)).unwrap();
        let all = benches
            .iter()
            .map(|bench| (&bench.name, bench.backend.name(), bench.threads));
        assert_eq!(all.collect::<BTreeSet<_>>().len(), benches.len());
        let interp = suite(&settings(BackendKind::Interp)).unwrap();
        assert!(
            interp
                .iter()
                .all(|bench| bench.backend == BackendKind::Interp)
        );
        assert!(
            interp
                .iter()
                .any(|bench| bench.name == "step-atome-portable/944k")
        );
    }

    #[cfg(feature = "jit")]
    #[test]
    fn a_schedule_chooses_the_kernels_that_have_its_fields() {
        let families = |schedule: &str| {
            let schedule = Some(schedule.parse().unwrap());
            let settings = Settings {
                schedule,
                ..settings(BackendKind::Auto)
            };
            let benches = suite(&settings).map_err(|error| error.to_string())?;
            assert!(benches.iter().all(|b| b.backend == BackendKind::Jit));
            let family = |bench: Bench| bench.name.rsplit_once('-').unwrap().0.to_owned();
            Ok::<_, String>(benches.into_iter().map(family).collect::<BTreeSet<_>>())
        };
        let of = |schedule| families(schedule).unwrap().into_iter().collect::<Vec<_>>();
        assert_eq!(
            of("mr=32,nr=2"),
            [
                "gemm-base3-i8",
                "gemm-int2-f32",
                "gemm-int2-i8",
                "group_gemm-base3-i8",
                "group_gemm-int2-i8"
            ]
        );
        assert_eq!(of("unroll=2"), ["gemm-int2-f32", "gemv-int2-f32"]);
        assert_eq!(of("prefetch=64"), ["embed-base3-f32", "embed-int2-f32"]);
        let dots = ["base3-i8", "int2-i8"];
        let dots = ["gemm", "gemv", "group_gemm", "group_gemv"]
            .map(|op| dots.map(|of| format!("{op}-{of}")));
        assert_eq!(of("method=dot fields=separate"), dots.concat());
        assert_eq!(
            families("mr=48").unwrap_err(),
            "no kernel that is timed can be laid out as `mr=48`: \
            `gemm`: `mr` of the schedule is 48, expected 16, 32 or 64"
        );
        assert_eq!(
            families("prefetch=64 nr=9").unwrap_err(),
            "no kernel that is timed can be laid out as `nr=9 prefetch=64`: \
            `gemm`: `nr` of the schedule is 9, expected 1, 2, 3, 4, 5, 6, 7 or 8"
        );
    }

    #[test]
    fn only_code_made_now_has_a_schedule() {
        for backend in [BackendKind::Aot, BackendKind::Interp] {
            let schedule = Some("mr=32".parse().unwrap());
            let error = suite(&Settings {
                schedule,
                ..settings(backend)
            });
            let said = error.err().unwrap().to_string();
            let expected =
                format!("a schedule lays out what the backends auto and jit make, not {backend}");
            assert_eq!(said, expected);
        }
    }
}
