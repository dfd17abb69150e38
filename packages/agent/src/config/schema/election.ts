// SPDX-License-Identifier: Apache-2.0

import { parseAddress } from '@fairlead/shared/address/address.ts';
import { LEASE_NAME } from '@fairlead/shared/kubernetes/contract.ts';
import {
  boolType,
  durationType,
  integerType,
  textType,
  wordType,
} from '@fairlead/shared/runtime/value-types.ts';
import { DEFAULT_TIMING } from '../../ownership/raft/timing.ts';
import { parseLeaseName } from '../lease-name.ts';
import { parsePath, parseReformAfter, parseSecretName } from '../parsers.ts';
import type { SettingSpec } from './setting.ts';

/** A Lease whose namespace is that of the agents, unless it is part of the name. */
const leaseType = (name: string) =>
  textType({
    parse: (text) => parseLeaseName(text, ''),
    fallback: { namespace: '', name },
    allowed: 'name or namespace/name',
    defaultText: name,
  });

/** Who owns an address. */
export const ELECTION_SETTINGS = {
  engine: {
    env: 'fairlead_engine',
    flag: 'engine',
    file: 'engine',
    value: wordType(['lease', 'raft'], 'lease'),
    help: 'how owners are chosen: by Leases as kube-vip does, or by raft among three or more agents with a common key',
  },
  servicesElection: {
    env: 'svc_election',
    flag: 'servicesElection',
    file: 'enableServicesElection',
    value: boolType(false),
    help: 'elect an owner per Service instead of one owner for all',
  },
  electionOnDemand: {
    env: 'per_service_election_on_demand',
    flag: 'perServiceElectionOnDemand',
    file: 'perServiceElectionOnDemand',
    value: boolType(false),
    help: 'without svc_election: an owner of their own for Services annotated kube-vip.io/forcePerServiceElection',
  },
  servicesLeaseName: {
    env: 'svc_leasename',
    flag: 'servicesLeaseName',
    file: 'servicesLeaseName',
    value: leaseType(LEASE_NAME.services),
    help: 'Lease of the one owner of all Services',
  },
  leaseDuration: {
    env: 'vip_leaseduration',
    flag: 'leaseDuration',
    file: 'leaseDuration',
    value: durationType(15_000, { bareUnit: 's', minMs: 1_000, maxMs: 3_600_000 }),
    help: 'time after which another node may take over',
  },
  renewDeadline: {
    env: 'vip_renewdeadline',
    flag: 'leaseRenewDuration',
    file: 'renewDeadline',
    value: durationType(10_000, { bareUnit: 's', minMs: 100, maxMs: 3_600_000 }),
    help: 'time after which an owner that cannot renew lets go; less than vip_leaseduration',
  },
  retryPeriod: {
    env: 'vip_retryperiod',
    flag: 'leaseRetry',
    file: 'retryPeriod',
    value: durationType(2_000, { bareUnit: 's', minMs: 100, maxMs: 3_600_000 }),
    help: 'time between renewals; less than vip_renewdeadline divided by 1.2',
  },
  raftPort: {
    env: 'fairlead_raft_port',
    flag: 'raft-port',
    file: 'raftPort',
    value: integerType(7947, { min: 1, max: 65_535 }),
    help: 'UDP port at which agents hear each other, the same for all',
  },
  raftAddress: {
    env: 'fairlead_raft_address',
    flag: 'raft-address',
    file: 'raftAddress',
    value: textType({
      parse: parseAddress,
      fallback: undefined,
      allowed: 'IP address',
      defaultText: 'InternalIP of the Node',
    }),
    help: 'address at which other agents reach this one',
  },
  raftFamily: {
    env: 'fairlead_raft_family',
    flag: 'raft-family',
    file: 'raftFamily',
    value: wordType(['ipv4', 'ipv6'], undefined, 'ipv4 where there is one'),
    help: 'family of the addresses between the agents',
  },
  raftInterval: {
    env: 'fairlead_raft_interval_ms',
    flag: 'raft-interval-ms',
    file: 'raftIntervalMs',
    value: integerType(DEFAULT_TIMING.renewMs, { min: 20, max: 5_000, unit: 'ms' }),
    help: 'between two renewals of what is granted, the same for all',
  },
  raftGrant: {
    env: 'fairlead_raft_grant_ms',
    flag: 'raft-grant-ms',
    file: 'raftGrantMs',
    value: integerType(DEFAULT_TIMING.grantMs, { min: 100, max: 60_000, unit: 'ms' }),
    help: 'after which a silent agent has let go, the same for all; at least two intervals; all other times follow from it',
  },
  raftVoters: {
    env: 'fairlead_raft_voters',
    flag: 'raft-voters',
    file: 'raftVoters',
    value: wordType(['3', '5', '7'], '3'),
    help: 'agents that elect; control-plane nodes first',
  },
  minority: {
    env: 'fairlead_minority',
    flag: 'minority',
    file: 'minority',
    value: wordType(['release', 'keep'], 'release'),
    help: 'below a majority of the voters: release addresses, or keep them at the risk of two owners',
  },
  reformAfter: {
    env: 'fairlead_reform_after',
    flag: 'reform-after',
    file: 'reformAfter',
    value: textType({
      parse: parseReformAfter,
      fallback: undefined,
      allowed: 'never, or a duration from 5s to 24h',
      defaultText: 'never',
    }),
    help: 'time below a majority after which those who live go on without the others',
  },
  groupKeySecret: {
    env: 'fairlead_group_key_secret',
    flag: 'group-key-secret',
    file: 'groupKeySecret',
    value: textType({
      parse: parseSecretName,
      fallback: 'fairlead-group',
      allowed: 'name of a Secret',
      defaultText: 'fairlead-group',
    }),
    help: 'Secret with the key of the group, in the namespace of the agents',
  },
  groupKeyFile: {
    env: 'fairlead_group_key_file',
    flag: 'group-key-file',
    file: 'groupKeyFile',
    value: textType({ parse: parsePath, fallback: undefined, allowed: 'path of a file', defaultText: '' }),
    help: 'file with the key of the group, instead of the Secret (static Pods)',
  },
} as const satisfies Record<string, SettingSpec>;
