// A client of node's package zookeeper that obeys: node_failover.js PACKAGE HOSTS. "read" reads until it succeeds; "end" says how
// it went.
const ZooKeeper = require(`${process.argv[2]}/lib/index`);

const zk = new ZooKeeper({ connect: process.argv[3], timeout: 12000, debug_level: 1, host_order_deterministic: false });
let session;
let longest = 0;

function read(begun) {
    const again = () => setTimeout(() => read(begun), 5);
    if (zk.state !== ZooKeeper.constants.ZOO_CONNECTED_STATE) return again();
    return zk.a_get("/zookeeper", false, (rc) => {
        if (rc !== 0) return again();
        longest = Math.max(longest, Date.now() - begun);
        return console.log("read");
    });
}

zk.on("connect", () => {
    if (session === undefined) {
        session = zk.client_id;
        console.log("connected");
    }
});
zk.on("close", () => {
    console.log("the session is lost");
    process.exit(1);
});
let words = "";
process.stdin.on("data", (data) => {
    words += data;
    const lines = words.split("\n");
    words = lines.pop();
    for (const line of lines) {
        if (line === "read") read(Date.now());
        if (line === "end") {
            console.log(`${zk.client_id === session ? "the same" : "another"} session, longest wait ${longest} ms`);
            process.exit(0);
        }
    }
});
zk.init({});
