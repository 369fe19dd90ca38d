//! The benchmark's work done by the crate zookeeper-client: same modes, same checks of data, same line of JSON. A
//! thread of a sync mode and a slot of a window each become a task in a closed loop, the usual way to use this client.
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use zookeeper_client::{Acls, Client, CreateMode};

const NODES: usize = 64;
const VALUE_BYTES: usize = 100;
const PARTS: usize = 100;
const CHILDREN: usize = 10_000;
const BIG_BYTES: usize = 1_000_000;

struct Options {
    mode: String,
    port: u16,
    tasks: usize,
    secs: f64,
}

fn options() -> Options {
    let mut options = Options { mode: String::new(), port: 0, tasks: 1, secs: 1.0 };
    let mut args = std::env::args().skip(1);
    while let Some(name) = args.next() {
        let mut value = || args.next().unwrap_or_else(|| panic!("{name} wants a value"));
        match name.as_str() {
            "--mode" => options.mode = value(),
            "--port" => options.port = value().parse().unwrap(),
            "--threads" | "--window" => options.tasks = value().parse().unwrap(),
            "--secs" => options.secs = value().parse().unwrap(),
            "--warm" | "--ops" | "--limit" | "--timeout" => drop(value()),
            _ => panic!("unknown option {name}"),
        }
    }
    options
}

fn node_value(node: usize) -> Vec<u8> {
    (0..VALUE_BYTES).map(|i| b'!' + u8::try_from((node * 31 + i * 7) % 90).unwrap()).collect()
}

async fn connect(port: u16) -> Client {
    Client::connector()
        .with_session_timeout(Duration::from_secs(30))
        .connect(&format!("127.0.0.1:{port}"))
        .await
        .expect("a session")
}

/// The `n`th operation of the mode by task `task`.
async fn operation(client: &Client, mode: &str, task: usize, n: usize, values: &[Vec<u8>]) {
    let node = (task * 4 + n) % NODES;
    match mode {
        "sync-get" | "aget" => {
            let (data, stat) = client.get_data(&format!("/bench/get/node-{node:05}")).await.expect("get");
            assert!(data == values[node] && stat.data_length == 100, "wrong data");
        }
        "sync-set" | "aset" => {
            let path = format!("/bench/set/node-{node:05}");
            client.set_data(&path, &values[node], None).await.expect("set");
        }
        "acreate" => {
            let path = format!("/bench/sink/r{:08x}-{task:04}{n:010}", std::process::id());
            let options = CreateMode::Ephemeral.with_acls(Acls::anyone_all());
            client.create(&path, &values[0], &options).await.expect("create");
        }
        "sync-multi" | "amulti" => {
            let mut multi = client.new_multi_writer();
            for part in 0..PARTS {
                multi.add_set_data(&format!("/bench/set/node-{part:05}"), &values[0], None).expect("a part");
            }
            assert_eq!(multi.commit().await.expect("multi").len(), PARTS);
        }
        "sync-children" => {
            let names = client.list_children("/bench/children").await.expect("children");
            assert!(names.len() == CHILDREN && names.iter().all(|name| name.len() == 6), "wrong names");
        }
        "sync-big" => {
            let (data, _) = client.get_data("/bench/big").await.expect("get of 1 MB");
            assert_eq!(data.len(), BIG_BYTES);
        }
        _ => panic!("no such mode: {mode}"),
    }
}

fn cpu() -> Duration {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes one timespec.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut t) };
    Duration::new(t.tv_sec.try_into().unwrap(), t.tv_nsec.try_into().unwrap())
}

fn report(mode: &str, ops: u64, wall: Duration, cpu: Duration, mut latencies: Vec<u64>, more: &str) {
    latencies.sort_unstable();
    let at = |q: f64| latencies.get((latencies.len() as f64 * q) as usize).copied().unwrap_or(0) as f64 / 1e3;
    println!(
        "{{\"mode\": \"{mode}\", \"ops\": {ops}, \"ops_s\": {}, \"cpu_us\": {}, \"p50_us\": {}, \"p99_us\": {}{more}}}",
        ops as f64 / wall.as_secs_f64(),
        cpu.as_secs_f64() * 1e6 / ops as f64,
        at(0.5),
        at(0.99),
    );
}

async fn run_loops(options: Options) {
    let client = Arc::new(connect(options.port).await);
    let values: Arc<Vec<_>> = Arc::new((0..NODES).map(node_value).collect());
    let (measuring, stop) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let ops = Arc::new(AtomicU64::new(0));
    let mode: Arc<str> = options.mode.as_str().into();
    let tasks: Vec<_> = (0..options.tasks)
        .map(|task| {
            let (client, values, mode) = (client.clone(), values.clone(), mode.clone());
            let (measuring, stop, ops) = (measuring.clone(), stop.clone(), ops.clone());
            tokio::spawn(async move {
                let mut latencies = Vec::with_capacity(1 << 16);
                for n in 0.. {
                    let start = Instant::now();
                    operation(&client, &mode, task, n, &values).await;
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    if measuring.load(Ordering::Relaxed) {
                        ops.fetch_add(1, Ordering::Relaxed);
                        if task % 16 == 0 && latencies.len() < latencies.capacity() {
                            latencies.push(u64::try_from(start.elapsed().as_nanos()).unwrap());
                        }
                    }
                }
                latencies
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(100)).await; // warm-up
    let (start, cpu_before) = (Instant::now(), cpu());
    measuring.store(true, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs_f64(options.secs)).await;
    let (done, wall, used) = (ops.load(Ordering::Relaxed), start.elapsed(), cpu() - cpu_before);
    stop.store(true, Ordering::Relaxed);
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await.expect("a task whose checks hold"));
    }
    report(&options.mode, done, wall, used, latencies, "");
}

async fn run_open_close(options: Options) {
    let mut opened = Vec::new();
    let (start, cpu_before) = (Instant::now(), cpu());
    while start.elapsed().as_secs_f64() < options.secs {
        let begin = Instant::now();
        drop(connect(options.port).await); // closes in the background: there is no closing call to time
        opened.push(u64::try_from(begin.elapsed().as_nanos()).unwrap());
    }
    let (ops, wall, used) = (opened.len() as u64, start.elapsed(), cpu() - cpu_before);
    opened.sort_unstable();
    let more = format!(", \"open_p50_us\": {}, \"open_p99_us\": {}", opened[opened.len() / 2] as f64 / 1e3,
        opened[opened.len() * 99 / 100] as f64 / 1e3);
    report(&options.mode, ops, wall, used, opened, &more);
}

fn main() {
    let options = options();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async move {
        // Spawned, because a task of the pool communicates with the session's task with fewer changes of threads.
        tokio::spawn(async move {
            if options.mode == "open-close" { run_open_close(options).await } else { run_loops(options).await }
        })
        .await
        .expect("checks that hold");
    });
}
