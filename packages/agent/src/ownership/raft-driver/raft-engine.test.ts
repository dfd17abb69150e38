// SPDX-License-Identifier: Apache-2.0
import { ManualClock } from '@fairlead/shared/runtime/clock.ts';
import { silentLogger } from '@fairlead/shared/runtime/logging.ts';
import { describe, expect, it } from 'vitest';
import { type AddressGroup, UNTIL_WITHDRAWN } from '../engine.ts';
import { DEFAULT_PLACEMENT } from '../raft/placement.ts';
import { DEFAULT_TIMING } from '../raft/timing.ts';
import { createRaftEngine } from './raft-engine.ts';
import type { FromRaft, RaftCommand, RaftSetup } from './raft-port.ts';

const SETUP: RaftSetup = {
  id: { name: 'n1', instance: '0123456789abcdef' },
  groupId: 'a'.repeat(32),
  timing: DEFAULT_TIMING,
  placement: DEFAULT_PLACEMENT,
  minority: 'release',
  listen: { address: '127.0.0.1', port: 7947 },
  keys: { signing: Buffer.alloc(32), others: [] },
};

const group = (...addresses: string[]): AddressGroup => ({
  key: `default/${addresses[0]}`,
  services: [],
  addresses,
  candidates: 'any',
  lease: { namespace: 'default', name: 'x' },
});

/** An engine, and the announcing thread as it sees it. */
function setUp() {
  const told: RaftCommand[] = [];
  let listener: ((report: FromRaft) => void) | undefined;
  const engine = createRaftEngine({
    port: {
      tell: (command) => told.push(command),
      onReport: (added) => {
        listener = added;
        return () => undefined;
      },
    },
    node: 'n1',
    clock: new ManualClock(),
    logger: silentLogger,
  });
  engine.setUp(SETUP);
  engine.follow({ config: { epoch: 1, voters: ['n1', 'n2', 'n3'] }, endpoints: new Map() });
  const hear = (report: FromRaft) => listener?.(report);
  const grant = (version: number, ...addresses: string[]) =>
    hear({ type: 'granted', grants: { version, addresses: new Set(addresses), lapsed: false } });
  const types = () => told.splice(0).map(({ type }) => type);
  return { engine, told, hear, grant, types };
}

describe('the raft engine of the main thread', () => {
  it('tells a new node everything, and later only what differs', async () => {
    const { engine, types } = setUp();
    engine.want([group('192.0.2.1')], new Set());
    expect(types()).toEqual([]);
    await engine.start();
    expect(types()).toEqual(['start', 'endpoints', 'config', 'groups', 'refused', 'onNode']);
    engine.want([group('192.0.2.1')], new Set());
    expect(types()).toEqual([]);
    engine.want([group('192.0.2.1'), group('192.0.2.2')], new Set());
    expect(types()).toEqual(['groups']);
  });

  it('keeps a whole group away from a node that cannot serve one of its addresses', async () => {
    const { engine, told } = setUp();
    await engine.start();
    engine.want([group('192.0.2.1', '192.0.2.2'), group('192.0.2.3')], new Set(['192.0.2.2']));
    expect(told.findLast(({ type }) => type === 'refused')).toEqual({
      type: 'refused',
      addresses: new Set(['192.0.2.1', '192.0.2.2']),
    });
  });

  it('grants until the node says otherwise, and says what was done by its versions', async () => {
    const { engine, told, grant } = setUp();
    await engine.start();
    grant(1, '192.0.2.1');
    const { grants, version } = engine.state();
    expect([...grants]).toEqual([['192.0.2.1', UNTIL_WITHDRAWN]]);
    grant(2);
    // What was done was done for the state that was looked at, not for the newest.
    engine.report(new Set(['192.0.2.1']), version);
    expect(told.at(-1)).toEqual({ type: 'onNode', addresses: new Set(['192.0.2.1']), version: 1 });
  });

  it('has nothing while its thread is gone, and begins again as another instance', async () => {
    const { engine, told, hear, grant, types } = setUp();
    await engine.start();
    engine.want([group('192.0.2.1')], new Set());
    grant(7, '192.0.2.1');
    const before = engine.state();
    hear({ type: 'gone' });
    expect(engine.state().grants.size).toBe(0);
    expect(engine.state().version).toBeGreaterThan(before.version);
    told.splice(0);
    hear({ type: 'back' });
    const start = told.find((command) => command.type === 'start');
    expect(start?.setup.id).toMatchObject({ name: 'n1' });
    expect(start?.setup.id.instance).not.toBe(SETUP.id.instance);
    expect(types()).toContain('groups');
    // A word about what the node of before had granted says nothing to this one.
    engine.report(new Set(), before.version);
    expect(told.at(-1)).toMatchObject({ type: 'onNode', version: 0 });
    grant(1, '192.0.2.1');
    expect(engine.state().version).toBeGreaterThan(before.version);
    engine.report(new Set(['192.0.2.1']), engine.state().version);
    expect(told.at(-1)).toMatchObject({ type: 'onNode', version: 1 });
  });

  it('is over when the node has said goodbye', async () => {
    const { engine, hear, types } = setUp();
    await engine.start();
    types();
    const stopped = engine.stop();
    expect(types()).toEqual(['stop']);
    hear({ type: 'stopped' });
    await stopped;
    engine.want([group('192.0.2.1')], new Set());
    expect(types()).toEqual([]);
  });
});
