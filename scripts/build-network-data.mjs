// Makes src/signals/data/networks.bin: the address ranges of the providers in networks.yaml. Run it after a build:
//   npm run build && npm exec -- node scripts/build-network-data.mjs [--from DIR]
// The data, 63 MB, is downloaded into a temporary folder and is no dependency; --from takes a folder that has its two CSV
// files already (asn-ipv4-num.csv and asn-ipv6-num.csv: first address, last address, AS number, organisation).
import { execFileSync } from 'node:child_process';
import { createReadStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse as csv } from 'csv-parse';
import { parse as yaml } from 'yaml';
import {
  boundariesOf,
  FAMILIES,
  isWithin,
  NETWORK_KINDS,
  packRanges,
  unpackRanges,
} from '../dist/signals/core/address-ranges.js';

const DATA = '@ip-location-db/asn@2.3.2026061719';
const at = (path) => new URL(`../src/signals/data/${path}`, import.meta.url);

/** Addresses of IPv6 count by their /48, what is smaller is left out: a set that is too small accuses nobody. */
const FILES = {
  ipv4: { file: 'asn-ipv4-num.csv', unit: 1n },
  ipv6: { file: 'asn-ipv6-num.csv', unit: 1n << 80n },
};

function download(folder) {
  execFileSync('npm', ['pack', '--silent', DATA], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
  const archive = `${DATA.slice(1).replace('/', '-').replace('@', '-')}.tgz`;
  execFileSync('tar', ['-xzf', archive], { cwd: folder });
  return join(folder, 'package');
}

async function readRows(folder, { file, unit }) {
  const rows = [];
  for await (const [first, last, asn, organisation] of createReadStream(join(folder, file)).pipe(csv())) {
    const from = Number((BigInt(first) + unit - 1n) / unit);
    const until = Number((BigInt(last) + 1n) / unit);
    rows.push({ from, until, asn: Number(asn), organisation });
  }
  return rows;
}

/** The AS numbers of one kind in the table. A number that its provider no longer holds, or a holder without any, ends the build. */
function chosenNumbers(table, holders) {
  const chosen = new Set();
  for (const { provider, holder, asns } of table) {
    const holds = (asn) => holders.get(asn)?.toLowerCase().startsWith(holder.toLowerCase());
    const numbers = asns ?? [...holders.keys()].filter(holds);
    const foreign = numbers.filter((asn) => !holds(asn));
    if (numbers.length === 0) throw new Error(`${provider}: nobody in the data is called ${holder}…`);
    if (foreign.length > 0) throw new Error(`${provider}: ${holder} does not hold AS ${foreign.join(', ')}`);
    for (const asn of numbers) chosen.add(asn);
  }
  return chosen;
}

/** Both ends of every row of the data, read from what was packed, answer as the table says. */
function verify(rows, boundaries, chosen) {
  for (const { from, until, asn } of rows.filter((row) => row.from < row.until)) {
    const expected = chosen.has(asn);
    if (isWithin(boundaries, from) !== expected || isWithin(boundaries, until - 1) !== expected) {
      throw new Error(`AS ${asn} is ${expected ? 'not ' : ''}in the set from ${from} until ${until}`);
    }
  }
}

const mapped = (keys, make) => Object.fromEntries(keys.map((key) => [key, make(key)]));

async function build(folder) {
  const rows = {};
  for (const family of FAMILIES) rows[family] = await readRows(folder, FILES[family]);
  const holders = new Map(FAMILIES.flatMap((family) => rows[family].map((row) => [row.asn, row.organisation])));
  const table = yaml(readFileSync(at('networks.yaml'), 'utf8'));
  const chosen = mapped(NETWORK_KINDS, (kind) => chosenNumbers(table[kind], holders));
  const twice = [...chosen.dataCentres].filter((asn) => chosen.relays.has(asn));
  if (twice.length > 0) throw new Error(`A network is either kind, not both: AS ${twice.join(', ')}`);

  const rangesOf = (kind, family) =>
    rows[family].filter(({ asn }) => chosen[kind].has(asn)).map(({ from, until }) => [from, until]);
  const packed = packRanges(
    mapped(NETWORK_KINDS, (kind) => mapped(FAMILIES, (family) => boundariesOf(rangesOf(kind, family)))),
  );
  const sets = unpackRanges(packed);
  for (const kind of NETWORK_KINDS) {
    for (const family of FAMILIES) {
      verify(rows[family], sets[kind][family], chosen[kind]);
      console.log(`${kind} ${family}: ${sets[kind][family].length / 2} ranges of ${chosen[kind].size} AS numbers`);
    }
  }
  writeFileSync(at('networks.bin'), packed);
  console.log(`networks.bin: ${packed.length} bytes`);
}

const from = process.argv.indexOf('--from');
const folder = mkdtempSync(join(tmpdir(), 'pointguard-network-data-'));
try {
  await build(from > 0 ? process.argv[from + 1] : download(folder));
} finally {
  rmSync(folder, { recursive: true });
}
