//! Replays every corpus file, and seeded random input, through every fuzz target. `FUZZ_ROUNDS` sets the amount.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::fs;
use std::path::Path;

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

/// A mutation of `from`: a byte is changed, or a piece is dropped, doubled or replaced by random bytes.
fn mutated(from: &[u8], rng: &mut StdRng) -> Vec<u8> {
    let mut out = from.to_vec();
    for _ in 0..rng.random_range(1..8) {
        let at = rng.random_range(0..=out.len());
        match rng.random_range(0..4) {
            0 => out.truncate(at),
            1 => out.extend((0..rng.random_range(1..64)).map(|_| rng.random::<u8>())),
            2 if at < out.len() => out[at] = rng.random(),
            _ => out.extend_from_within(at..),
        }
        out.truncate(4096);
    }
    out
}

#[test]
fn corpora_and_random_input_keep_every_contract() {
    let rounds: usize = std::env::var("FUZZ_ROUNDS").map_or(3000, |text| text.parse().unwrap());
    for (name, run) in zk_fuzz::TARGETS {
        let corpus = corpus(name);
        for input in &corpus {
            run(input);
        }
        // A handle with its threads costs a thousand times as much as a parser.
        let rounds = if *name == "c_api" { rounds / 30 } else { rounds };
        let mut rng = StdRng::seed_from_u64(1);
        for _ in 0..rounds {
            let from = if corpus.is_empty() { &[][..] } else { &corpus[rng.random_range(0..corpus.len())] };
            run(&mutated(from, &mut rng));
        }
        println!("{name}: {} corpus files, {rounds} mutations", corpus.len());
    }
}
