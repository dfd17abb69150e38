// SPDX-License-Identifier: Apache-2.0
import type { Node } from '@fairlead/shared/kubernetes/objects.ts';
import { systemClock } from '@fairlead/shared/runtime/clock.ts';
import { silentLogger } from '@fairlead/shared/runtime/logging.ts';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createHealthChecker } from '../balance/health/create-health-checker.ts';
import type { HealthChecker } from '../balance/health/health-checker.ts';
import { NOTHING_TO_BALANCE } from '../balance/model/frontend.ts';
import type { ControlPlaneSettings } from '../config/control-plane-settings.ts';
import { ControlPlane } from './control-plane.ts';

const SETTINGS: ControlPlaneSettings = {
  isMember: true,
  addresses: ['192.0.2.10'],
  names: ['k8s.example.org'],
  port: 6443,
  lease: { namespace: 'kube-system', name: 'plndr-cp-lock' },
  balance: { port: 6443, method: 'masquerade' },
  healthCheck: undefined,
  backendIntervalMs: 20,
  detect: false,
};

const NODES: readonly Node[] = [1, 2, 3].map((number) => ({
  metadata: { name: `cp${number}`, labels: { 'node-role.kubernetes.io/control-plane': '' } },
  status: {
    addresses: [{ type: 'InternalIP', address: `192.0.2.1${number}` }],
    conditions: [{ type: 'Ready', status: 'True' }],
  },
}));

const NO_NAMES = { mode: 'first', stateOf: () => undefined } as const;

/** Probes take their time. */
const until = (assertion: () => void) => vi.waitFor(assertion, { timeout: 10_000, interval: 10 });

describe('ControlPlane', () => {
  /** Addresses at which no API server answers. */
  let dead: Set<string>;
  let checker: HealthChecker;

  beforeEach(() => {
    dead = new Set();
    checker = createHealthChecker({
      clock: systemClock,
      logger: silentLogger,
      send: ({ address }) =>
        Promise.resolve({
          ok: !dead.has(address),
          detail: dead.has(address) ? 'connection refused' : 'status 200',
        }),
    });
  });

  afterEach(() => checker.stop());

  function onNode1(changes: Partial<ControlPlaneSettings> = {}): ControlPlane {
    const nodes = { get: () => undefined, values: () => NODES, size: NODES.length };
    return new ControlPlane({ settings: { ...SETTINGS, ...changes }, node: 'cp1', nodes, checker });
  }

  const backendsOf = (controlPlane: ControlPlane, lost: readonly string[] = []) => {
    const model = controlPlane.balanced(NOTHING_TO_BALANCE, controlPlane.claim(NO_NAMES), new Set(lost));
    return [...model.frontends.values()].flatMap(({ backends }) => backends.map(({ node }) => node));
  };

  it('leaves the address to a node whose API server works when its own does not', async () => {
    const controlPlane = onNode1();
    expect(controlPlane.claim(NO_NAMES)).toMatchObject({ addresses: ['192.0.2.10'], isServable: true });
    dead.add('127.0.0.1');
    await until(() => {
      expect(controlPlane.claim(NO_NAMES)).toMatchObject({
        isServable: false,
        problem: { reason: 'ApiServerDown' },
      });
      // The others are asked at times of their own.
      expect(controlPlane.view()).toMatchObject({
        addresses: ['192.0.2.10'],
        isServable: false,
        apiServers: [
          { node: 'cp1', state: 'down', detail: 'connection refused' },
          { node: 'cp2', state: 'up' },
          { node: 'cp3', state: 'up' },
        ],
      });
    });
    expect(backendsOf(controlPlane)).toEqual(['cp2', 'cp3']);
    dead.clear();
    await until(() => expect(controlPlane.claim(NO_NAMES).isServable).toBe(true));
  });

  it('keeps it when no API server works: nobody is better off elsewhere', async () => {
    for (const address of ['127.0.0.1', '192.0.2.12', '192.0.2.13']) dead.add(address);
    const controlPlane = onNode1();
    controlPlane.claim(NO_NAMES);
    await until(() => expect(checker.down.size).toBe(3));
    expect(controlPlane.claim(NO_NAMES)).toMatchObject({ isServable: true, problem: undefined });
  });

  it('sends to no node that is lost, and to no API server that is dead', async () => {
    const controlPlane = onNode1();
    expect(backendsOf(controlPlane)).toEqual(['cp1', 'cp2', 'cp3']);
    expect(backendsOf(controlPlane, ['cp2'])).toEqual(['cp1', 'cp3']);
    dead.add('192.0.2.13');
    await until(() => expect(backendsOf(controlPlane)).toEqual(['cp1', 'cp2']));
  });

  it('gives up connections only where the group and its own questions agree that a node is gone', async () => {
    const controlPlane = onNode1();
    const endingOf = (lost: readonly string[]) => {
      const model = controlPlane.balanced(NOTHING_TO_BALANCE, controlPlane.claim(NO_NAMES), new Set(lost));
      return [...model.frontends.values()].flatMap(({ ending = [] }) => ending.map(({ node }) => node));
    };
    expect(endingOf([])).toEqual([]);
    expect(endingOf(['cp2'])).toEqual(['cp2']);
    dead.add('192.0.2.12');
    await until(() => expect(endingOf(['cp2'])).toEqual([]));
    expect(endingOf([])).toEqual(['cp2']);
  });

  it('has the addresses of its names, too', () => {
    const answer = { ipv4: ['192.0.2.40', '192.0.2.39'], ipv6: [] };
    const problems = { ipv4: undefined, ipv6: undefined };
    const names = { mode: 'first', stateOf: () => ({ answer, problems }) } as const;
    expect(onNode1().claim(names).addresses).toEqual(['192.0.2.10', '192.0.2.39']);
  });

  it('only knows the address where there is no API server, and asks none', () => {
    const controlPlane = onNode1({ isMember: false });
    expect(controlPlane.claim(NO_NAMES)).toMatchObject({ isServable: false, problem: undefined });
    expect(backendsOf(controlPlane)).toEqual([]);
    expect(checker.verdicts().size).toBe(0);
  });
});
