//! The seeds of the fuzz targets, through the targets' own functions: what must hold of any bytes
//! holds of them, and each is understood or refused as its name says.

use std::{fs, path::PathBuf};

#[path = "../../../../fuzz/src/lib.rs"]
pub mod targets;

fn fuzz(folder: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz")
        .join(folder)
}

fn names(folder: PathBuf) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn every_seed_is_understood_or_refused_as_its_name_says() {
    for (target, parse) in targets::TARGETS {
        let folder = fuzz("seeds").join(target);
        let seeds = names(folder.clone());
        assert!(seeds.len() >= 10, "{target} has too few seeds");
        for name in seeds {
            let understood = parse(&fs::read(folder.join(&name)).unwrap());
            assert_eq!(understood, !name.starts_with("refused-"), "{target}/{name}");
        }
    }
}

#[test]
fn cut_and_damaged_seeds_break_nothing() {
    for (target, parse) in targets::TARGETS {
        let folder = fuzz("seeds").join(target);
        for name in names(folder.clone()) {
            let seed = fs::read(folder.join(&name)).unwrap();
            for at in 0..seed.len().min(400) {
                parse(&seed[..at]);
                let mut damaged = seed.clone();
                damaged[at] ^= 0x80 | u8::try_from(at % 128).unwrap();
                parse(&damaged);
            }
        }
    }
}

#[test]
fn every_target_has_a_program_and_a_folder_of_seeds() {
    let targets: Vec<_> = targets::TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(names(fuzz("seeds")), targets);
    let programs = names(fuzz("fuzz_targets"));
    let programs: Vec<_> = programs
        .iter()
        .filter_map(|name| name.strip_suffix(".rs"))
        .collect();
    assert_eq!(programs, targets);
}
