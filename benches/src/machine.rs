//! The machine that records are of.

use crate::limit::level;
use atome::tune::Cpu;
use atome_kernels::{dispatch, tiers};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs;
use std::thread;

/// What the system says of the machine; what it does not say is `None`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The CPU's name, or its architecture.
    pub cpu: String,
    /// Family, model and stepping of an x86-64 CPU, or implementer, part and revision of an AArch64 one.
    pub model: Option<String>,
    /// The instruction sets that have kernels, best first.
    pub isas: Vec<String>,
    /// The features of these.
    pub features: Vec<String>,
    /// CPUs that this program may use.
    pub cpus: usize,
    /// Bytes of the data caches of levels 1, 2 and 3.
    pub caches: [Option<usize>; 3],
    /// Bytes of memory.
    pub memory: Option<usize>,
    /// When memory lies on huge pages: `always`, `madvise` or `never`.
    pub huge_pages: Option<String>,
    /// The operating system's kernel.
    pub kernel: Option<String>,
    /// Who chooses how fast the first CPU runs.
    pub governor: Option<String>,
    /// Whether other machines may run on the same CPUs.
    pub is_virtual: Option<bool>,
    /// The version of this program.
    pub version: String,
}

impl Machine {
    /// This one.
    pub fn this() -> Machine {
        let isas = tiers().iter().flat_map(|tier| tier.isas());
        let isas: Vec<_> = isas.filter(|isa| dispatch::has(*isa)).collect();
        let features: BTreeSet<_> = isas.iter().flat_map(|isa| isa.features()).collect();
        let cpu = Cpu::this();
        Machine {
            cpu: cpu.name,
            model: cpu.model,
            isas: isas.iter().map(|isa| isa.name().to_owned()).collect(),
            features: features.iter().map(|f| f.name().to_owned()).collect(),
            cpus: thread::available_parallelism().map_or(1, usize::from),
            caches: [1, 2, 3].map(level),
            memory: memory(),
            huge_pages: line("/sys/kernel/mm/transparent_hugepage/enabled").and_then(|setting| {
                let (_, rest) = setting.split_once('[')?;
                rest.split_once(']').map(|(chosen, _)| chosen.to_owned())
            }),
            kernel: line("/proc/sys/kernel/osrelease"),
            governor: line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            is_virtual: cpu.is_virtual,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// Whether times of the other one compare with those of this one: the same CPU with the same features.
    pub fn is_alike(&self, other: &Machine) -> bool {
        (&self.cpu, &self.model, &self.features) == (&other.cpu, &other.model, &other.features)
    }

    /// Its CPU in a few words, with the best of its instruction sets.
    pub fn cpu_in_words(&self) -> String {
        self.cpu_with(self.isas.first().map_or("", String::as_str))
    }

    /// Its CPU in a few words, with something else that runs.
    pub fn cpu_with(&self, isa: &str) -> String {
        match &self.model {
            Some(model) => format!("{} ({model}), {isa}", self.cpu),
            None => format!("{}, {isa}", self.cpu),
        }
    }
}

fn memory() -> Option<usize> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let total = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes = total.trim().strip_suffix("kB")?.trim().parse::<usize>();
    kilobytes.ok()?.checked_mul(1024)
}

/// The only line of a file of the system.
fn line(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.trim();
    (!line.is_empty()).then(|| line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_like_itself() {
        let machine = Machine::this();
        assert!(machine.is_alike(&machine) && machine.cpus > 0);
        assert!(machine.isas.contains(&"portable".to_owned()), "{machine:?}");
        let other = Machine {
            model: Some("another".to_owned()),
            ..machine.clone()
        };
        assert!(!machine.is_alike(&other));
        assert!(other.cpu_in_words().contains("(another), "), "{other:?}");
    }
}
