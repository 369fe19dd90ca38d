//! The requests that re-arm all watches on a new connection: `SetWatches` and `SetWatches2`.
use super::Watches;
use crate::jute::Put;
use crate::limits;
use std::hash::Hash;

/// Number of path lists in `SetWatches2`.
pub(super) const LISTS: usize = 5;
/// Number of path lists in `SetWatches`.
const ONE_SHOT_LISTS: usize = 3;

impl<W: Clone + Eq + Hash> Watches<W> {
    /// The bodies of the requests which re-arm everything as of `zxid`, each within [`limits::SET_WATCHES`] unless a
    /// single path is longer. With `with_persistent` they are `SetWatches2`, with five lists; else `SetWatches`, with
    /// three, without the persistent watches.
    pub fn set_watches(&self, zxid: i64, with_persistent: bool) -> Vec<Vec<u8>> {
        // divergence: All watches are re-armed in several SetWatches requests below 128 KiB each; stock sends one of any size, which the server refuses above jute.maxbuffer, for ever.
        let count = if with_persistent { LISTS } else { ONE_SHOT_LISTS };
        let mut requests = Vec::new();
        let mut lists: [Vec<&[u8]>; LISTS] = Default::default();
        let mut size = 0;
        for (at, table) in self.tables().into_iter().enumerate().take(count) {
            for path in table.keys() {
                if size > 0 && size + path.len() + 4 > limits::SET_WATCHES {
                    requests.push(set_watches(zxid, lists.get(..count).unwrap_or_default()));
                    lists = Default::default();
                    size = 0;
                }
                size += path.len() + 4;
                if let Some(list) = lists.get_mut(at) {
                    list.push(path);
                }
            }
        }
        if size > 0 {
            requests.push(set_watches(zxid, lists.get(..count).unwrap_or_default()));
        }
        requests
    }
}

fn set_watches(zxid: i64, lists: &[Vec<&[u8]>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(28 + lists.iter().flatten().map(|path| path.len() + 4).sum::<usize>());
    out.put_i64(zxid);
    for list in lists {
        out.put_len(list.len());
        for path in list {
            out.put_buffer(Some(path));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::WatchKind;
    use super::super::tests::at;
    use super::*;
    use crate::jute::Reader;

    #[test]
    fn re_arming_is_split_and_complete() {
        let mut watches = Watches::new(1);
        for i in 0..5000 {
            let kind = [WatchKind::Data, WatchKind::Exist, WatchKind::Child][i % 3];
            watches.arm(kind, at(&format!("/{i:0100}")), i);
        }
        let requests = watches.set_watches(77, false);
        assert!(requests.len() > 3);
        let mut counts = [0, 0, 0];
        for request in &requests {
            assert!(request.len() <= limits::SET_WATCHES + 20);
            let mut reader = Reader::new(request);
            assert_eq!(reader.i64(), Ok(77));
            for count in &mut counts {
                for _ in 0..reader.count(4).unwrap() {
                    reader.string().unwrap();
                    *count += 1;
                }
            }
        }
        assert_eq!(counts, [1667, 1667, 1666]);
    }

    #[test]
    fn nothing_armed_sends_nothing() {
        assert!(Watches::<u8>::new(1).set_watches(1, true).is_empty());
    }

    #[test]
    fn persistent_watches_are_re_armed_in_lists_of_their_own() {
        let mut watches = Watches::new(1);
        watches.arm(WatchKind::Child, at("/c"), 1);
        watches.arm(WatchKind::Persistent, at("/p"), 1);
        watches.arm(WatchKind::Recursive, at("/r"), 1);
        let lists = |count, bytes: &[u8]| -> Vec<Vec<Vec<u8>>> {
            let mut reader = Reader::new(bytes);
            reader.i64().unwrap();
            let lists = (0..count)
                .map(|_| (0..reader.count(4).unwrap()).map(|_| reader.string().unwrap().to_vec()).collect())
                .collect();
            assert!(reader.rest().is_empty());
            lists
        };
        let (with, without) = (watches.set_watches(7, true), watches.set_watches(7, false));
        let path = |path: &str| vec![path.as_bytes().to_vec()];
        assert_eq!(lists(5, &with[0]), [vec![], vec![], path("/c"), path("/p"), path("/r")]);
        assert_eq!(lists(3, &without[0]), [vec![], vec![], path("/c")]);
        for i in 0..5000 {
            watches.arm(WatchKind::Recursive, at(&format!("/{i:0100}")), i);
        }
        let requests = watches.set_watches(7, true);
        assert!(requests.len() > 3 && requests.iter().all(|request| request.len() <= limits::SET_WATCHES + 28));
        assert_eq!(requests.iter().map(|request| lists(5, request)[4].len()).sum::<usize>(), 5001);
    }
}
