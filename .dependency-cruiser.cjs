// The layering of docs/architecture.md, kept by a lint and not by memory. Type-only imports count.
const modules = 'access|policy|decision|velocity|events|audit';
module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'core-is-pure',
      comment: 'a core imports only cores and the kernel: no Nest, no driver, no clock',
      severity: 'error',
      from: { path: '^src/[^/]+/core/' },
      to: {
        path: '.',
        pathNot: [
          '^src/[^/]+/core/',
          '^src/kernel/',
          '^node_modules/zod',
          '^node_modules/yaml',
          '^node_modules/@marcbachmann/cel-js',
          '^node_modules/ipaddr',
          '^(node:)?crypto$',
        ],
      },
    },
    {
      name: 'kernel-knows-nobody',
      severity: 'error',
      from: { path: '^src/kernel/' },
      to: { path: '^src/', pathNot: '^src/kernel/' },
    },
    {
      name: 'platform-knows-no-module',
      severity: 'error',
      from: { path: '^src/platform/' },
      to: { path: `^src/(${modules}|cli)/|^src/app\\.module` },
    },
    {
      name: 'stores-are-private',
      comment: "another module's way in is its service, its lane slice or its core, never its store",
      severity: 'error',
      from: { path: '^src/([^/]+)/' },
      to: { path: '^src/[^/]+/[^/]+\\.(store|client|controller)\\.ts$', pathNot: '^src/($1)/' },
    },
    { name: 'nobody-imports-the-cli', severity: 'error', from: { pathNot: '^src/cli/' }, to: { path: '^src/cli/' } },
    { name: 'no-test-in-source', severity: 'error', from: { path: '^src/' }, to: { path: '^(test|bench)/' } },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
};
