use super::JitError;
use atome_codegen::emit::clif;
use atome_spec::Target;
use cranelift_codegen::isa::TargetIsa;

/// Refuses code that this machine cannot run, and settings that the JIT does not serve.
pub(super) fn check(isa: &dyn TargetIsa) -> Result<(), JitError> {
    let host = clif::isa(Target::Native)?;
    if isa.triple().architecture != host.triple().architecture {
        return Err(JitError::ForeignMachine {
            found: isa.triple().to_string(),
            host: host.triple().to_string(),
        });
    }
    let settings = [
        ("is_pic", isa.flags().is_pic()),
        (
            "use_colocated_libcalls",
            isa.flags().use_colocated_libcalls(),
        ),
    ];
    if let Some((setting, _)) = settings.into_iter().find(|(_, on)| *on) {
        return Err(JitError::Setting { setting });
    }
    let here = host.isa_flags();
    let has = |name: &str| {
        here.iter()
            .any(|f| f.name == name && f.as_bool() == Some(true))
    };
    let missing = isa
        .isa_flags()
        .into_iter()
        .find(|f| f.name.starts_with("has_") && f.as_bool() == Some(true) && !has(f.name));
    match missing {
        Some(f) => Err(JitError::MissingFeature {
            feature: f.name.trim_start_matches("has_").to_owned(),
        }),
        None => Ok(()),
    }
}
