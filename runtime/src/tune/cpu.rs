//! The CPU that this program runs on, as the system tells of it.

use std::fs;

/// A CPU; what the system does not say is `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cpu {
    /// Its name, or its architecture.
    pub name: String,
    /// Family, model and stepping on x86-64, or implementer, part and revision on AArch64.
    pub model: Option<String>,
    /// Whether other machines may run on it.
    pub is_virtual: Option<bool>,
}

impl Cpu {
    /// The first one of this machine.
    pub fn this() -> Cpu {
        Cpu::parse(&fs::read_to_string("/proc/cpuinfo").unwrap_or_default())
    }

    /// From the text of `/proc/cpuinfo`.
    fn parse(text: &str) -> Cpu {
        let first = text.split("\n\n").next().unwrap_or_default();
        let get = |wanted: &str| {
            let mut lines = first.lines().filter_map(|line| line.split_once(':'));
            let found = lines.find(|(name, _)| name.trim() == wanted)?;
            Some(found.1.trim()).filter(|value| !value.is_empty())
        };
        let joined = |keys: [&str; 3]| {
            let parts: Option<Vec<&str>> = keys.into_iter().map(get).collect();
            parts.map(|parts| parts.join("/"))
        };
        let name = get("model name").or(get("Model"));
        let x86 = joined(["cpu family", "model", "stepping"]);
        let arm = || joined(["CPU implementer", "CPU part", "CPU revision"]);
        let is_guest = |flags: &str| flags.split_whitespace().any(|flag| flag == "hypervisor");
        Cpu {
            name: name.unwrap_or(std::env::consts::ARCH).to_owned(),
            model: x86.or_else(arm),
            is_virtual: get("flags").map(is_guest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpus_of_both_architectures_are_named() {
        let x86 = "processor\t: 0\ncpu family\t: 26\nmodel\t\t: 2\nmodel name\t: AMD EPYC\nstepping\t: 1\n\
                   flags\t\t: fpu hypervisor\n\nprocessor\t: 1\nmodel name\t: another\n";
        let expected = Cpu {
            name: "AMD EPYC".to_owned(),
            model: Some("26/2/1".to_owned()),
            is_virtual: Some(true),
        };
        assert_eq!(Cpu::parse(x86), expected);
        let arm = Cpu::parse(
            "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0b\nCPU revision\t: 1",
        );
        assert_eq!(
            (arm.model.as_deref(), arm.is_virtual),
            (Some("0x41/0xd0b/1"), None)
        );
        assert_eq!(Cpu::parse("").name, std::env::consts::ARCH);
    }
}
