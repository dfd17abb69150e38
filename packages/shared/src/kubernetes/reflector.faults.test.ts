// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Arena } from './testing/fault-arena.ts';
import { BLIND_LIMIT_MS, SCENARIOS, type Scenario } from './testing/fault-scenarios.ts';
import { type FaultServer, startEmbeddedServer, startRealServer } from './testing/fault-servers.ts';
import { startOfficial, startOurs } from './testing/fault-subjects.ts';

/*
 * The same disturbances against the embedded API server and, where KUBEBUILDER_ASSETS names its binaries, the real one.
 * REFLECTOR_SUBJECT=official puts the official client's informer to the same test (docs/decisions/0003-reflector.md).
 */

const official = process.env.REFLECTOR_SUBJECT === 'official';
const startSubject = official ? startOfficial : startOurs;
const assets = process.env.KUBEBUILDER_ASSETS ?? '';
const hasAssets = ['etcd', 'kube-apiserver'].every(
  (name) => assets !== '' && existsSync(path.join(assets, name)),
);
if (!hasAssets) {
  console.warn(
    'SKIPPED: reflector against a real kube-apiserver (KUBEBUILDER_ASSETS does not name etcd and kube-apiserver)',
  );
}

async function judge(scenario: Scenario, server: FaultServer, namespace: string): Promise<void> {
  const arena = new Arena(server, startSubject, namespace);
  try {
    await arena.start();
    const [told, written] = [arena.audit.versions.length, arena.written.length];
    const blindMs = await scenario.run(arena);
    if (process.env.FAULTS_REPORT) console.info(`${scenario.name}: blind ${Math.round(blindMs)} ms`);
    expect(arena.audit.nonsense).toEqual([]);
    if (scenario.exact) {
      expect([...arena.audit.deleted]).toEqual(arena.deleted);
      const versions = arena.audit.versions.slice(told);
      expect(versions).toEqual([...new Set(versions)].sort((a, b) => Number(a) - Number(b)));
      expect(versions).toEqual(expect.arrayContaining(arena.written.slice(written)));
    }
    expect(blindMs).toBeLessThan(BLIND_LIMIT_MS);
  } finally {
    await arena.close();
  }
}

describe.concurrent('against the embedded server', () => {
  test.each(SCENARIOS)('$name', { timeout: 180_000 }, async (scenario) => {
    const server = await startEmbeddedServer();
    try {
      await judge(scenario, server, 'faults');
    } finally {
      await server.close();
    }
  });
});

describe.skipIf(!hasAssets)('against the real server', () => {
  let server: FaultServer | undefined;
  const scenarios = SCENARIOS.filter((scenario) => !scenario.embedded);
  const running = () => {
    if (server === undefined) throw new Error('the server has not been started');
    return server;
  };
  beforeAll(async () => {
    server = await startRealServer(assets);
  }, 120_000);
  afterAll(() => server?.close());

  describe.concurrent('together', () => {
    test.each(scenarios.filter((s) => !s.alone).map((scenario, index) => ({ ...scenario, index })))(
      '$name',
      { timeout: 180_000 },
      (scenario) => judge(scenario, running(), `faults-${scenario.index}`),
    );
  });
  test.each(scenarios.filter((s) => s.alone))('$name', { timeout: 180_000 }, (scenario) =>
    judge(scenario, running(), 'faults-alone'),
  );
});
