// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createApiServer } from '../server.ts';
import { GROUPS } from './cases/index.ts';
import { createHttpCaller } from './http-caller.ts';
import { startRealControlPlane } from './real-control-plane.ts';
import { readRecording } from './recordings.ts';
import { type Caller, runCase } from './run.ts';

/*
 * The same requests go to the embedded server and, where KUBEBUILDER_ASSETS names a folder that holds one, to a real
 * one; both must give the answers that a real one was recorded to give.
 */

const assets = process.env.KUBEBUILDER_ASSETS ?? '';
if (assets === '') {
  console.warn(
    'SKIPPED: conformance of a real API server (set KUBEBUILDER_ASSETS to a folder with kube-apiserver and etcd)',
  );
}
const START_TIMEOUT_MS = 90_000;

function conformance(start: () => Promise<{ caller: Caller; stop: () => Promise<void> }>): void {
  let server: { caller: Caller; stop: () => Promise<void> } | undefined;
  beforeAll(async () => {
    server = await start();
  }, START_TIMEOUT_MS);
  afterAll(() => server?.stop());

  for (const [group, cases] of Object.entries(GROUPS)) {
    describe(group, async () => {
      const recording = await readRecording(group);
      for (const testCase of cases) {
        test(testCase.name, async () => {
          if (server === undefined) throw new Error('the server did not start');
          expect(await runCase(server.caller, testCase)).toEqual(recording.get(testCase.name));
        });
      }
    });
  }
}

describe('embedded API server', () => {
  conformance(async () => {
    const server = await createApiServer({ serviceCidrs: ['10.96.0.0/16', 'fd00:10:96::/112'] });
    const { url, caCertificate } = server;
    return {
      caller: createHttpCaller({ url, caCertificate, token: server.token() }),
      stop: () => server.close(),
    };
  });
});

describe.skipIf(assets === '')('real API server (skipped unless KUBEBUILDER_ASSETS is set)', () => {
  conformance(() => startRealControlPlane(assets));
});
