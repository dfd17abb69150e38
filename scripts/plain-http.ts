// SPDX-License-Identifier: Apache-2.0
import http from 'node:http';
import type { Plugin } from 'esbuild';

/** What `node:http` loads only when it is touched: each brings Node's own undici along. */
const LOADED_ON_TOUCH: ReadonlySet<string> = new Set(['CloseEvent', 'MessageEvent', 'WebSocket']);

/**
 * For the bundler: `import … from 'node:http'` without Node's facade for ES modules, which reads every export of the module,
 * and with `WebSocket` loads all of undici: 22 ms and some megabytes in each program that only wants a server.
 */
export const plainHttp: Plugin = {
  name: 'plain-http',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:http$/ }, ({ kind }) =>
      kind === 'import-statement' ? { path: 'http', namespace: 'plain-http', sideEffects: false } : undefined,
    );
    onLoad({ filter: /.*/, namespace: 'plain-http' }, () => ({ contents: plainModule() }));
  },
};

function plainModule(): string {
  const names = Object.keys(http).filter((name) => !LOADED_ON_TOUCH.has(name));
  return [
    "const http = process.getBuiltinModule('node:http');",
    'export default http;',
    ...names.map((name) => `export const ${name} = http.${name};`),
  ].join('\n');
}
