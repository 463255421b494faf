//! The file of a CPU: JSON, with whom it is for, and read as what a stranger may have written.

use super::{Choice, Cpu, Threads, Tuned};
use crate::atomic_file::{self, WriteFileError};
use crate::{Options, regular_file};
#[cfg(feature = "jit")]
use atome_codegen::op;
use atome_codegen::{KernelSpec, schedule};
use atome_kernels::{dispatch, kernels};
use atome_spec::Tier;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

/// Version of the format.
const VERSION: u32 = 1;
/// Longest file that is read.
const MOST_BYTES: u64 = 1 << 20;

/// Why what was found is not used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TuneError {
    /// It cannot be read.
    #[error("cannot read it: {0}")]
    Read(io::Error),
    /// It is of another CPU.
    #[error("it is of another CPU, `{found}`, expected `{expected}`")]
    Foreign {
        /// This one.
        expected: String,
        /// The one it is of.
        found: String,
    },
    /// It is of other kernels.
    #[error("it was measured with other kernels than these")]
    Stale,
    /// It is none of these files, or not whole.
    #[error("{0}")]
    Damaged(String),
}

/// The file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    atome_tune: u32,
    cpu: String,
    kernels: String,
    products: BTreeMap<String, String>,
    threads: BTreeMap<String, [usize; 2]>,
}

impl Tuned {
    /// Where the file of this CPU and a tier is: in the folder that `$ATOME_TUNE` names, or else in the user's folder of
    /// caches. `None` if that variable is empty, or there is no such folder.
    pub fn path(tier: Tier) -> Option<PathBuf> {
        let name = format!("tune-{:08x}.json", crc32fast::hash(cpu(tier).as_bytes()));
        Some(folder()?.join(name))
    }

    /// What a file of this CPU and a tier says; `None` if there is no such file.
    ///
    /// # Errors
    /// If it is damaged, or of another CPU, tier or version of the kernels.
    pub fn load(path: &Path, tier: Tier) -> Result<Option<Tuned>, TuneError> {
        match fs::symlink_metadata(path) {
            Err(none) if none.kind() == ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(TuneError::Read(cause)),
            Ok(_) => {}
        }
        let refused = |what: String| TuneError::Damaged(what);
        let (file, bytes) = regular_file::open(path).map_err(|cause| refused(cause.to_string()))?;
        if bytes > MOST_BYTES {
            return Err(refused(format!(
                "it has {bytes} bytes, expected at most {MOST_BYTES}"
            )));
        }
        let mut text = String::new();
        let read = file.take(MOST_BYTES).read_to_string(&mut text);
        read.map_err(TuneError::Read)?;
        Tuned::parse(&text, tier).map(Some)
    }

    /// Reads what [`Tuned::to_text`] wrote.
    ///
    /// # Errors
    /// As [`Tuned::load`].
    pub fn parse(text: &str, tier: Tier) -> Result<Tuned, TuneError> {
        let damaged = |what: String| TuneError::Damaged(what);
        let text: Text = serde_json::from_str(text).map_err(|cause| damaged(cause.to_string()))?;
        if text.atome_tune != VERSION {
            let found = text.atome_tune;
            return Err(damaged(format!(
                "its version is {found}, expected {VERSION}"
            )));
        }
        let expected = cpu(tier);
        if text.cpu != expected {
            let found = text.cpu;
            return Err(TuneError::Foreign { expected, found });
        }
        if text.kernels != fingerprint(tier) {
            return Err(TuneError::Stale);
        }
        let mut tuned = Tuned::new(tier);
        for (product, choice) in &text.products {
            let known = product.parse().ok().zip(read_choice(choice, tier));
            let fitting =
                known.filter(|(product, choice)| super::Product::fits(product, choice, tier));
            let Some((product, choice)) = fitting else {
                return Err(damaged(format!("`{product}` cannot be by `{choice}`")));
            };
            tuned.choose(product, Some(choice));
        }
        for (model, [threads, of]) in text.threads {
            if !(1..=Options::MAX_THREADS).contains(&threads) {
                return Err(damaged(format!("`{model}` has {threads} threads")));
            }
            tuned.threads.insert(model, Threads { threads, of });
        }
        Ok(tuned)
    }

    /// The text of the file.
    pub fn to_text(&self) -> String {
        let products = self.products.iter();
        let text = Text {
            atome_tune: VERSION,
            cpu: cpu(self.tier),
            kernels: fingerprint(self.tier),
            products: products
                .map(|(p, choice)| (p.to_string(), choice.to_string()))
                .collect(),
            threads: self
                .threads
                .iter()
                .map(|(model, Threads { threads, of })| (model.clone(), [*threads, *of]))
                .collect(),
        };
        let json = serde_json::to_string_pretty(&text);
        // Texts and numbers.
        json.expect("what JSON can hold") + "\n"
    }

    /// Writes the file as a whole or not at all, in a folder that is made if it is not there.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn save(&self, path: &Path) -> Result<(), WriteFileError> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|cause| WriteFileError {
                path: path.to_owned(),
                cause,
            })?;
        }
        atomic_file::write(path, self.to_text().as_bytes())
    }
}

fn folder() -> Option<PathBuf> {
    if let Some(named) = env::var_os("ATOME_TUNE") {
        return (!named.is_empty()).then(|| named.into());
    }
    let absolute = |name: &str| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let caches = absolute("XDG_CACHE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
        .or_else(|| absolute("LOCALAPPDATA"));
    caches.map(|caches| caches.join("atome"))
}

/// This CPU, with the instruction sets that kernels of a tier may use.
fn cpu(tier: Tier) -> String {
    let Cpu { name, model, .. } = Cpu::this();
    let isas = tier
        .isas()
        .filter(|isa| dispatch::has(*isa))
        .map(|isa| isa.name());
    let model = model.map_or(String::new(), |model| format!(" {model}"));
    format!("{name}{model}, {}", isas.collect::<Vec<_>>().join(" "))
}

/// What tells these kernels from those of another version: their names, and how each is laid out.
fn fingerprint(tier: Tier) -> String {
    let mut text = String::new();
    for kernel in kernels(tier) {
        let spec = KernelSpec::from(kernel.kind);
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{} {}",
            kernel.name,
            schedule::select(&spec, kernel.isa)
        );
    }
    #[cfg(feature = "jit")]
    for kind in op::kinds() {
        let made = crate::jit::Maker::of(tier).schedule(&kind.into());
        let _ = writeln!(text, "{made}");
    }
    format!(
        "{} {:08x}",
        env!("CARGO_PKG_VERSION"),
        crc32fast::hash(text.as_bytes())
    )
}

fn read_choice(text: &str, tier: Tier) -> Option<Choice> {
    match text.split_once(' ')? {
        ("aot", name) => {
            let all = atome_kernels::tiers()
                .iter()
                .skip_while(|known| **known != tier);
            let mut all = all.flat_map(|tier| kernels(*tier));
            all.find(|kernel| kernel.name == name)
                .map(|kernel| Choice::Ahead(kernel.name))
        }
        ("jit", schedule) => schedule.parse().ok().map(Choice::Made),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tune::Product;
    use atome_kernels::detect;

    fn some() -> Tuned {
        let mut tuned = Tuned::new(detect());
        let product: Product = "gemv-int2-f32/64x256".parse().unwrap();
        let name = product.kernels(detect()).last().unwrap().name;
        tuned.choose(product, Some(Choice::Ahead(name)));
        let made = Choice::Made(
            "method=select mr=16 nr=1 fields=lanes prefetch=0 unroll=4"
                .parse()
                .unwrap(),
        );
        tuned.choose("gemm-int2-f32/64x256".parse().unwrap(), Some(made));
        tuned.choose_threads("0123abcd", Some(1));
        tuned
    }

    #[test]
    fn a_file_reads_as_it_was_written() {
        let tuned = some();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/tune.json");
        assert!(matches!(Tuned::load(&path, detect()), Ok(None)));
        tuned.save(&path).unwrap();
        assert_eq!(Tuned::load(&path, detect()).unwrap(), Some(tuned.clone()));
        assert_eq!(tuned.threads("0123abcd"), Some(1));
        assert_eq!(tuned.threads("other"), None);
        let mut other = tuned;
        other.choose_threads("0123abcd", None);
        assert!(!other.is_empty() && Tuned::new(detect()).is_empty());
    }

    #[test]
    fn what_is_not_for_this_machine_and_version_is_refused() {
        let text = some().to_text();
        let said = |text: &str| Tuned::parse(text, detect()).unwrap_err().to_string();
        let changed = |from: &str, to: &str| {
            assert!(text.contains(from), "{from} in {text}");
            said(&text.replacen(from, to, 1))
        };
        let foreign = changed(r#""cpu": ""#, r#""cpu": "another "#);
        assert!(
            foreign.starts_with("it is of another CPU, `another "),
            "{foreign}"
        );
        assert!(changed(env!("CARGO_PKG_VERSION"), "0.0.0").contains("other kernels"));
        assert!(
            changed(r#""atome_tune": 1"#, r#""atome_tune": 2"#)
                .contains("version is 2, expected 1")
        );
        assert!(changed("mr=16", "mr=17").contains("cannot be by `jit method=select mr=17"));
        assert!(changed("aot gemv", "aot gemm").contains("cannot be by"));
        assert!(changed("gemv-int2-f32/64", "gemv-int2-i8/64").contains("cannot be by"));
        let threads = text.replace("      1,\n", "      0,\n");
        assert!(said(&threads).contains("has 0 threads"), "{threads}");
        for cut in 0..text.trim_end().len() {
            assert!(Tuned::parse(&text[..cut], detect()).is_err(), "{cut}");
        }
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        assert!(matches!(
            Tuned::load(at, detect()),
            Err(TuneError::Damaged(_))
        ));
    }
}
