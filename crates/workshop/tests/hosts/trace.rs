//! `workshop trace` on a host's own Bitcoin Core: the same numbers as bpftrace's, of the same run.

use serde_json::Value;

use super::workshop::{Inventory, Workshop, word_of};

/// Two tracers at once on a unit test whose random numbers are fixed. bpftrace is first, until the
/// probes before and behind the others fire: it says that it has attached them before it has.
const BESIDE_BPFTRACE: &str = r#"
cd ~/bitcoin || exit
test=build/bin/test_bitcoin
counts=$(mktemp) || exit
sudo bpftrace -f json -e "
interval:ms:100 { printf(\"the first\"); }
usdt:./$test:utxocache:add { @added = count(); @sum = sum(arg3); }
usdt:./$test:utxocache:spent { @spent = count(); }
usdt:./$test:utxocache:uncache { @uncached = count(); }
interval:ms:100 { printf(\"the last\"); }
" > "$counts" &
bpftrace=$!
for moment in $(seq 300); do
    grep -q 'the first' "$counts" && grep -q 'the last' "$counts" && break
    sleep 0.1
done
sudo workshop trace $test utxocache:add --sum value utxocache:spent utxocache:uncache --json -- \
    setpriv --reuid workshop --regid workshop --clear-groups \
    env RANDOM_CTX_SEED=1 $test --log_level=nothing --run_test=coins_tests_base
sudo pkill -INT -x bpftrace
wait $bpftrace
cat "$counts"
"#;

#[test]
fn a_unit_test_is_counted_as_bpftrace_counts_it() {
    let workshop = Workshop::new(&Inventory::new(&[("Ada Lovelace", "ada")]));
    let hosts = workshop.provision();
    let said = workshop.says("ada", word_of(&hosts, "Ada Lovelace"), BESIDE_BPFTRACE);
    let lines: Vec<Value> = said
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let counted = lines
        .iter()
        .find(|line| line["type"] == "counted")
        .unwrap_or_else(|| panic!("{said}"));
    assert_eq!(counted["complete"], true, "{said}");
    let ours = |at: usize| counted["tracepoints"][at]["events"].as_u64().unwrap();
    let theirs = |map: &str| -> i128 {
        let found = lines.iter().find_map(|line| {
            let value = line["data"].get(map)?;
            value.as_number()?.as_i128()
        });
        found.unwrap_or_else(|| panic!("no {map}: {said}"))
    };
    assert!(ours(0) > 1000, "{said}");
    assert_eq!(i128::from(ours(0)), theirs("@added"), "{said}");
    assert_eq!(i128::from(ours(1)), theirs("@spent"), "{said}");
    assert_eq!(i128::from(ours(2)), theirs("@uncached"), "{said}");
    let sum = &counted["tracepoints"][0]["measures"][0]["sum"];
    let sum: i128 = sum.to_string().trim_matches('"').parse().unwrap();
    // bpftrace's sum has 64 bits, and these values add up to more.
    assert_eq!(sum as u64, theirs("@sum") as u64, "{said}");
}

/// Two nodes on a chain of their own. The one that is traced has two thousand blocks to fetch, as fast as they come.
const SYNCING_PAIR: &str = r#"
set -e
cd ~/bitcoin
work=$(mktemp -d)
cli() { node=$1; shift; build/bin/bitcoin-cli -regtest -datadir=$work/$node -rpcport=$(cat $work/$node/rpcport) "$@"; }
start() {
    mkdir $work/$1; echo $2 > $work/$1/rpcport
    build/bin/bitcoind -regtest -datadir=$work/$1 -rpcport=$2 -port=$3 $4 -daemonwait -pid=$work/$1/pid > $work/$1/said
}
end() { for node in one two; do cli $node stop > $work/$node/said || true; done; wait; rm -r $work; }
trap end EXIT
start one 19801 19802 -bind=127.0.0.1
start two 19803 19804 -listen=0
cli one -rpcclienttimeout=0 generatetodescriptor 2000 'raw(51)#8lvh9jxk' > $work/blocks
fetch() {
    until grep -qs '"type":"ready"' $work/events; do sleep 0.05; done
    cli two addnode 127.0.0.1:19802 onetry
    while [ "$(cli two getblockcount)" -lt 2000 ]; do sleep 0.1; done
    # The last message is on its way when the block is there.
    sleep 1
}
fetch & fetching=$!
sudo workshop trace $(cat $work/two/pid) net:inbound_message net:outbound_message --print --json --duration 60s \
    > $work/events & tracing=$!
wait $fetching
sudo pkill -INT -f '^workshop trace'
wait $tracing
cat $work/events
"#;

#[test]
fn no_message_of_a_syncing_pair_is_lost() {
    let workshop = Workshop::new(&Inventory::new(&[("Ada Lovelace", "ada")]));
    let hosts = workshop.provision();
    let said = workshop.says("ada", word_of(&hosts, "Ada Lovelace"), SYNCING_PAIR);
    let lines: Vec<Value> = said
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let counted = lines.last().unwrap();
    assert_eq!(counted["complete"], true, "{counted}");
    for tracepoint in counted["tracepoints"].as_array().unwrap() {
        let told = lines
            .iter()
            .filter(|line| line["type"] == "event" && line["tracepoint"] == tracepoint["name"]);
        assert_eq!(Some(told.count() as u64), tracepoint["events"].as_u64());
        for (how, lost) in tracepoint["lost"].as_object().unwrap() {
            assert_eq!(lost, 0, "{how}: {counted}");
        }
    }
    let blocks = lines.iter().filter(|line| {
        line["tracepoint"] == "net:inbound_message" && line["arguments"]["message_type"] == "block"
    });
    assert_eq!(blocks.count(), 2000, "{counted}");
}
