//! Writes the answers of the real server as test data for the codec.
use crate::script::{Act, Script};
use crate::servers::Transcript;
use std::fmt::Write;

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Writes one file for a script: `# label`, `> request` and `< answer` lines in hexadecimal, without the frame lengths.
pub fn write(name: &str, script: &Script, transcript: &Transcript) {
    let mut text = String::from(
        "# Captured from Apache ZooKeeper 3.8.0 (Debian) by: CAPTURE=1 cargo test -p zk-sim --test differential\n\
         # `# label`, `> request body`, `< frame received on the same connection`, `! frame received on another one`\n",
    );
    for (step, heard) in script.steps.iter().zip(transcript) {
        let kind = if let Act::Connect { .. } = step.act { "connect" } else { "step" };
        let _ = writeln!(text, "# {kind}: {}", step.label.escape_debug());
        if let Act::Frame(body) = &step.act {
            let _ = writeln!(text, "> {}", hex(body));
        }
        for (on, heard) in heard {
            for frame in &heard.frames {
                let _ = writeln!(text, "{} {}", if *on == step.on { '<' } else { '!' }, hex(frame));
            }
        }
    }
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../core/tests/golden");
    std::fs::create_dir_all(directory).unwrap();
    std::fs::write(format!("{directory}/{name}.txt"), text).unwrap();
}
