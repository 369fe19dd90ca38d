//! The measurements of a run, and medians over runs. Times are in seconds of virtual time.

/// The result of one run.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Clients.
    pub clients: u32,
    /// From the incident's end until 50, 90, 99 and 100 % of the clients were connected to stay; `None` if not within
    /// the horizon.
    pub back: [Option<f64>; 4],
    /// Connection attempts while the incident lasted.
    pub attempts_during: u64,
    /// Connection attempts from the end of the incident to the end of the run.
    pub attempts_after: u64,
    /// Seconds from the end of the incident to the end of the run.
    pub ran: f64,
    /// Share of the servers' handshakes that went to clients that had given up.
    pub wasted: f64,
    /// Peak number of descriptors in use on any one server, as a multiple of an even share of the clients.
    pub descriptors: f64,
    /// Results for each distinct policy of the scenario.
    pub groups: Vec<Group>,
    /// Ten samples a second, if the scenario asks for them.
    pub timeline: Vec<Moment>,
}

/// The measurements of the clients of one policy.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// Sessions that the servers declared expired to these clients.
    pub lost: u32,
    /// Sessions, not counted in `lost`, that are over when the run ends: expired, although the client does not know yet,
    /// or without their client for a session timeout or longer.
    pub abandoned: u32,
    /// Sessions whose clients were away when the run ended, but for less than a session timeout.
    pub undecided: u32,
    /// Share of these clients that was connected, averaged from the incident's end to the horizon.
    pub connected: f64,
    /// For each client that lost its connection in the incident, the time without one; in ascending order.
    pub downtimes: Vec<f64>,
}

/// A sample of the timeline.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Seconds since the incident began; negative before.
    pub time: f64,
    /// Clients connected.
    pub connected: u32,
    /// Connection attempts since the run began.
    pub attempts: u64,
}

/// The shares of clients to which `back` refers.
pub(super) const SHARES: [f64; 4] = [0.5, 0.9, 0.99, 1.0];

impl Outcome {
    /// The time until 99 % of the clients were back.
    pub fn t99(&self) -> Option<f64> {
        self.back[2]
    }

    /// Lost sessions as a share of the clients; more than 1 if clients lost several in a row.
    pub fn lost_share(&self) -> f64 {
        let lost: u32 = self.groups.iter().map(|group| group.lost).sum();
        f64::from(lost) / f64::from(self.clients)
    }

    /// Sessions that were lost up to the end of the run, known to the client or not, as a share of the clients.
    pub fn gone_share(&self) -> f64 {
        let gone: u32 = self.groups.iter().map(|group| group.lost + group.abandoned).sum();
        f64::from(gone) / f64::from(self.clients)
    }

    /// Sessions that were neither kept nor lost when the run ended, as a share of the clients.
    pub fn undecided_share(&self) -> f64 {
        let undecided: u32 = self.groups.iter().map(|group| group.undecided).sum();
        f64::from(undecided) / f64::from(self.clients)
    }

    /// A quantile of the downtimes of the first policy's clients.
    pub fn downtime(&self, quantile: f64) -> f64 {
        self.groups.first().map_or(f64::NAN, |group| at_quantile(&group.downtimes, quantile))
    }
}

/// The value at a quantile of an ascending list; NaN of an empty one.
pub fn at_quantile(ascending: &[f64], quantile: f64) -> f64 {
    let place = (ascending.len() as f64 * quantile).ceil() as usize;
    ascending.get(place.clamp(1, ascending.len().max(1)) - 1).copied().unwrap_or(f64::NAN)
}

/// The median; of an even number, the upper of the two in the middle.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The median of times, where `None` means never and counts as longer than all others.
pub fn median_time(times: impl IntoIterator<Item = Option<f64>>) -> Option<f64> {
    Some(median(times.into_iter().map(|time| time.unwrap_or(f64::INFINITY)))).filter(|time| time.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_and_medians_are_those_of_the_textbook() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        let quantiles = [0.0, 0.5, 0.99, 1.0].map(|quantile| at_quantile(&values, quantile) as u32);
        assert_eq!(quantiles, [1, 50, 99, 100]);
        assert!(at_quantile(&[], 0.5).is_nan());
        assert_eq!(median([3.0, 1.0, 2.0]).to_bits(), 2.0_f64.to_bits());
        assert_eq!(median_time([Some(1.0), None, Some(2.0)]), Some(2.0));
        assert_eq!(median_time([Some(1.0), None, None]), None);
    }
}
