/**
 * Where every process of the benchmarks starts. Node runs TypeScript itself, but not decorators, and not names in `.js`:
 * these hooks do. What a benchmark takes from `src/` runs as it was built, from `dist/`.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import { transformSync } from '@swc/core';

const ROOT = new URL('../', import.meta.url);

registerHooks({
  resolve(specifier, context, next) {
    if (!specifier.startsWith('.') || !context.parentURL?.startsWith(`${ROOT.href}bench/`))
      return next(specifier, context);
    const { href } = new URL(specifier, context.parentURL);
    if (href.includes('/node_modules/')) return next(specifier, context);
    if (href.startsWith(`${ROOT.href}src/`))
      return next(href.replace(`${ROOT.href}src/`, `${ROOT.href}dist/`), context);
    return next(href.replace(/\.js$/, '.ts'), context);
  },
  load(url, context, next) {
    if (!url.startsWith(`${ROOT.href}bench/`) || !url.endsWith('.ts')) return next(url, context);
    const { code } = transformSync(readFileSync(fileURLToPath(url), 'utf8'), {
      filename: fileURLToPath(url),
      swcrc: false,
      sourceMaps: 'inline',
      jsc: {
        target: 'es2023',
        parser: { syntax: 'typescript', decorators: true },
        transform: { legacyDecorator: true, decoratorMetadata: true },
      },
      module: { type: 'nodenext' },
    });
    return { format: 'module', source: code, shortCircuit: true };
  },
});

/** The yardsticks' packages have a lockfile of their own; the service is measured as it is built. */
function prepare(): void {
  const stdio = ['ignore', 'ignore', 'inherit'] as const;
  const run = (file: string, args: string[]) =>
    execFileSync(file, args, { cwd: fileURLToPath(ROOT), stdio: [...stdio] });
  if (!existsSync(new URL('bench/node_modules', ROOT))) run('npm', ['ci', '--prefix', 'bench']);
  run(process.execPath, ['scripts/build-if-stale.mjs']);
}

const part = process.env.BENCH_PROCESS;
if (part === undefined) prepare();
await import(part ?? './run.js');
