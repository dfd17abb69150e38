// SPDX-License-Identifier: Apache-2.0
import { type Parsed, parsed, unparsable } from '@fairlead/shared/address/parsed.ts';
import { timingOf } from '../../config/raft-settings.ts';
import { DEFAULT_TIMING, type RaftTiming, timingProblem } from '../../ownership/raft/timing.ts';
import type { Section } from './section.ts';
import type { EtcdTls, Peer, StandaloneEngine } from './standalone-config.ts';

/** A vote is flushed to a disk before it is given, and there are disks that take their time. */
const ELECTION_ROUND_MS = 90;
const DEFAULT_STATE_DIR = '/var/lib/fairlead';
const DEFAULT_ETCD_KEY = '/fairlead/owner';
/** etcd rounds shorter ones up to what its own elections need. */
const TTL_SECONDS = { min: 1, max: 3_600 };
const DEFAULT_TTL_SECONDS = 2;

/** Reads which engine decides, and what it needs. */
export function readEngine(
  root: Section,
  peers: readonly Peer[],
  readFile: (path: string) => Parsed<string>,
): StandaloneEngine {
  const etcd = root.section('etcd');
  const kind = root.oneOf('engine', ['raft', 'etcd']) ?? (etcd === undefined ? 'raft' : 'etcd');
  const isSingle = root.bool('singleNode', false);
  const raft = readRaft(root);
  const fromEtcd = readEtcd(etcd, readFile);
  if (isSingle) {
    if (peers.length > 1) root.problem('singleNode', 'false, as there are remotePeers');
    return { kind: 'single' };
  }
  if (kind === 'etcd') {
    if (fromEtcd.endpoints.length === 0)
      root.problem('etcd', 'a mapping with endpoints, such as [http://127.0.0.1:2379]');
    return fromEtcd;
  }
  if (peers.length === 0) root.problem('localPeer', 'id, address and port of this host');
  else if (peers.length === 1)
    root.problem('remotePeers', 'the other hosts, at best two (or singleNode: true)');
  return raft;
}

function readRaft(root: Section): Extract<StandaloneEngine, { kind: 'raft' }> {
  const section = root.section('raft');
  const renewMs = section?.integer('intervalMs', { min: 20, max: 5_000 }) ?? DEFAULT_TIMING.renewMs;
  const grantMs = section?.integer('grantMs', { min: 100, max: 60_000 }) ?? DEFAULT_TIMING.grantMs;
  const scaled = timingOf(renewMs, grantMs);
  const timing: RaftTiming = {
    ...scaled,
    electionRoundMs: Math.max(scaled.electionRoundMs, ELECTION_ROUND_MS),
  };
  const problem = timingProblem(timing);
  if (problem !== undefined) section?.problem('grantMs', `a time that goes with the interval: ${problem}`);
  const minority = section?.oneOf('minority', ['release', 'keep']) ?? 'release';
  section?.finish();
  return {
    kind: 'raft',
    timing,
    minority,
    stateDir: root.string('stateDir') ?? DEFAULT_STATE_DIR,
    keyFile: root.string('groupKeyFile'),
  };
}

function readEtcd(
  section: Section | undefined,
  readFile: (path: string) => Parsed<string>,
): Extract<StandaloneEngine, { kind: 'etcd' }> {
  const endpoints = section?.strings('endpoints') ?? [];
  for (const endpoint of endpoints) {
    const { ok } = parseEndpoint(endpoint);
    if (!ok) section?.problem('endpoints', 'URLs such as https://192.0.2.10:2379');
  }
  const tls: EtcdTls = {
    ca: section?.parse('caFile', readFile),
    cert: section?.parse('certFile', readFile),
    key: section?.parse('keyFile', readFile),
  };
  const hasTls = Object.values(tls).some((text) => text !== undefined);
  const engine = {
    kind: 'etcd',
    endpoints,
    tls: hasTls ? tls : undefined,
    key: section?.string('key') ?? DEFAULT_ETCD_KEY,
    ttlSeconds: section?.integer('ttlSeconds', TTL_SECONDS) ?? DEFAULT_TTL_SECONDS,
  } as const;
  if ((tls.cert === undefined) !== (tls.key === undefined))
    section?.problem('certFile', 'a certFile and a keyFile, or neither');
  section?.finish();
  return engine;
}

function parseEndpoint(text: string): Parsed<string> {
  if (!URL.canParse(text)) return unparsable('a URL');
  const { protocol, pathname } = new URL(text);
  return ['http:', 'https:'].includes(protocol) && pathname === '/'
    ? parsed(text)
    : unparsable('a URL without a path');
}
