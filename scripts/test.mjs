// Runs the checks by name (all without a name), each with its own line, and ends with one line that adds them up.
// A check of vitest counts its tests; every other counts as one.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const script = (name) => ({ command: ['npm', 'run', '--silent', name] });
const tests = (project) => ({ project, command: ['npm', 'exec', '--', 'vitest', 'run', '--project', project] });

const CHECKS = {
  build: script('build'),
  format: script('format:check'),
  lint: script('lint'),
  dependencies: script('lint:dependencies'),
  types: script('types'),
  docs: script('docs:check'),
  unit: tests('unit'),
  contract: tests('contract'),
  e2e: tests('e2e'),
  faults: tests('faults'),
};

/** Debian's libfaketime moves the clocks of our processes in one suite; it is installed where that is possible. */
function installFaketime() {
  const there = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/lib'];
  if (there.some((directory) => existsSync(`${directory}/faketime/libfaketime.so.1`))) return;
  if (process.getuid?.() !== 0 || spawnSync('apt-get', ['--version']).status !== 0) return;
  const install = () =>
    spawnSync('apt-get', ['install', '-y', '--no-install-recommends', 'libfaketime'], { stdio: 'ignore' });
  if (install().status === 0) return;
  spawnSync('apt-get', ['update'], { stdio: 'ignore' });
  install();
}

const reports = mkdtempSync(join(tmpdir(), 'pointguard-test-'));

/** Runs one check; its output goes to the terminal. */
function run(name, { command: [file, ...args], project }) {
  const report = join(reports, `${name}.json`);
  const more = project ? ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`] : [];
  const started = Date.now();
  const { status } = spawnSync(file, [...args, ...more], { stdio: 'inherit' });
  const counted = project ? countsOf(report, status) : { passed: status === 0 ? 1 : 0, failed: status === 0 ? 0 : 1 };
  return { name, seconds: (Date.now() - started) / 1000, ...counted };
}

/** Tests of a vitest report. A run that failed without a failed test (a file that does not load) is a failure too. */
function countsOf(report, status) {
  try {
    const { numPassedTests, numFailedTests, numFailedTestSuites } = JSON.parse(readFileSync(report, 'utf8'));
    const failed = numFailedTests > 0 || status === 0 ? numFailedTests : Math.max(1, numFailedTestSuites);
    return { passed: numPassedTests, failed };
  } catch {
    return { passed: 0, failed: 1 };
  }
}

const names = process.argv.slice(2);
const unknown = names.filter((name) => !(name in CHECKS));
if (unknown.length > 0) {
  console.error(`There is no check ${unknown.join(', ')}; there are ${Object.keys(CHECKS).join(', ')}.`);
  process.exit(2);
}
const chosen = names.length > 0 ? names : Object.keys(CHECKS);
if (chosen.includes('faults')) installFaketime();
const results = chosen.map((name) => run(name, CHECKS[name]));
rmSync(reports, { recursive: true, force: true });

console.log('');
for (const { name, passed, failed, seconds } of results) {
  console.log(`${name.padEnd(14)}${passed} passed, ${failed} failed in ${seconds.toFixed(0)} s`);
}
const sum = (key) => results.reduce((total, result) => total + result[key], 0);
console.log(`${sum('passed')} passed, ${sum('failed')} failed`);
process.exit(sum('failed') > 0 || sum('passed') === 0 ? 1 : 0);
