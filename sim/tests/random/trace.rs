//! A history as text, for the analysis of a violation.
use crate::plan::Plan;
use crate::run::Run;
use std::fmt::Write;

/// The actions and events of each client, up to the violation or the panic if there is one.
pub fn trace(plan: &Plan, text: &mut String) {
    let mut run = Run::new(plan);
    let mut told: Vec<usize> = Vec::new();
    for step in &plan.steps {
        let _ = writeln!(text, "{:?} {step:?}", run.world.now());
        let result = run.perform(step).and_then(|()| run.check());
        run.tell(&mut told, text);
        if let Err(what) = result {
            let _ = writeln!(text, "VIOLATED: {what}");
            return;
        }
    }
    let _ = writeln!(text, "{:?} all is well again", run.world.now());
    let result = run.heal().and_then(|()| run.finish());
    run.tell(&mut told, text);
    let _ = writeln!(text, "{result:?}");
}

impl Run {
    fn tell(&self, told: &mut Vec<usize>, text: &mut String) {
        told.resize(self.ones.len(), 0);
        for (at, one) in self.ones.iter().enumerate() {
            let record = &self.world.client(one.number).record;
            for entry in &record[told[at]..] {
                let _ = writeln!(text, "    {:?} client {at}: {:?}", entry.at, entry.what);
            }
            told[at] = record.len();
        }
    }
}
