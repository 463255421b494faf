//! The weights published by the Atome project load, and are written back byte for byte.
//! They are not part of this repository: without them these tests say so and pass.

use std::fs;
use std::path::{Path, PathBuf};

use atome::checkpoint;
use atome::checkpoint::{Checkpoint, write_atome01, write_atome02, write_atomecl01};
use atome::format::{Format, detect};

fn published() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/atome");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: no published models at {}", folder.display());
    None
}

fn load(path: &Path, config: Option<&Path>) -> Checkpoint {
    checkpoint::load(path, config).unwrap()
}

#[test]
fn the_language_model_in_both_packings() {
    let Some(folder) = published() else { return };
    let int2 = load(&folder.join("atome_944k.bin"), None);
    let base3 = load(&folder.join("atome_944k.atome02"), None);
    assert_eq!(
        (int2.format, base3.format),
        (Format::Atome01, Format::Atome02)
    );
    assert_eq!(int2.parameters(), 944_640);
    let differs = checkpoint::compare(&base3, &int2, &mut |_, _| {}).unwrap();
    assert_eq!(differs, None);

    let int2_bytes = fs::read(folder.join("atome_944k.bin")).unwrap();
    let base3_bytes = fs::read(folder.join("atome_944k.atome02")).unwrap();
    assert!(
        write_atome01(&int2).unwrap() == int2_bytes,
        "ATOME01 is not reproduced"
    );
    assert!(
        write_atome01(&base3).unwrap() == int2_bytes,
        "ATOME02 does not convert to ATOME01"
    );
    assert!(
        write_atome02(&int2).unwrap() == base3_bytes,
        "ATOME01 does not convert to ATOME02"
    );
}

#[test]
fn the_classifiers() {
    let Some(folder) = published() else { return };
    let config = folder.join("atomecl.json");
    for (name, classes) in [
        ("agri", 5),
        ("anomaly", 4),
        ("motion", 6),
        ("os_telem", 5),
        ("sound_scene", 4),
        ("water", 4),
    ] {
        let path = folder.join(name).with_extension("atomecl");
        let model = load(&path, Some(&config));
        let bytes = fs::read(&path).unwrap();
        assert_eq!(detect(&bytes), Some(Format::AtomeCl01));
        assert_eq!(model.classes(), Some(classes), "{name}");
        assert!(
            write_atomecl01(&model).unwrap() == bytes,
            "{name} is not reproduced"
        );
        assert!(
            checkpoint::load(&path, None).is_err(),
            "{name} has no config of its own name beside it"
        );
    }
}
