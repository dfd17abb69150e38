// SPDX-License-Identifier: Apache-2.0
import { HIDDEN, type SettingName, type SettingsReader } from '@fairlead/shared/runtime/settings.ts';
import { SETTINGS } from './names.ts';
import type { AgentSettings } from './settings.ts';
import { lineOf, type SettingWarning } from './warnings.ts';

interface Danger {
  readonly spec: SettingName;
  readonly isThere: (settings: Omit<AgentSettings, 'warnings'>, reader: SettingsReader) => boolean;
  /** What may happen. */
  readonly message: string;
  /** What to put in its place; undefined: nothing. */
  readonly instead: string | undefined;
}

const DANGERS: readonly Danger[] = [
  {
    spec: SETTINGS.minority,
    isThere: ({ raft }) => raft.minority === 'keep',
    message: 'two nodes answer for one address while the network between the agents is cut',
    instead: 'release',
  },
  {
    spec: SETTINGS.reformAfter,
    isThere: ({ raft }) => raft.reformAfterMs !== undefined,
    message: 'two nodes answer for one address when the network between the agents is cut for so long',
    instead: 'never',
  },
  {
    spec: SETTINGS.interface,
    isThere: ({ interface: link }) => link === 'lo',
    message: 'nobody hears what is announced on lo',
    instead: 'the link to the clients, for example eth0',
  },
  {
    spec: SETTINGS.announceInterval,
    isThere: (_, reader) => reader.value(SETTINGS.announceInterval) < 500,
    message: 'less than 500 ms counts as 3000, as with kube-vip',
    instead: '3000',
  },
  {
    spec: SETTINGS.vipAddress,
    isThere: (_, reader) =>
      reader.isSet(SETTINGS.controlPlaneAddress) &&
      reader.isSet(SETTINGS.vipAddress) &&
      reader.given(SETTINGS.controlPlaneAddress)?.text !== reader.given(SETTINGS.vipAddress)?.text,
    message: 'ignored, as address says something else',
    instead: undefined,
  },
  {
    spec: SETTINGS.controlPlaneHealthAddress,
    isThere: ({ controlPlane }) =>
      controlPlane?.healthCheck?.url.protocol === 'https:' && controlPlane.healthCheck.caFile === undefined,
    message: `anybody may answer in the place of that server, as ${SETTINGS.controlPlaneHealthCa.env} says nothing`,
    instead: `the same, with ${SETTINGS.controlPlaneHealthCa.env}`,
  },
  {
    spec: SETTINGS.apiServer,
    isThere: ({ apiServer }) => apiServer?.startsWith('http://') === true,
    message: 'whoever hears the network learns the token of this agent',
    instead: 'https://…',
  },
  {
    spec: SETTINGS.forwarding,
    isThere: ({ forwarding, balance }) => forwarding === 'dsr' && balance !== 'nftables',
    message: `no effect, as ${SETTINGS.balance.env} is not nftables`,
    instead: 'nat',
  },
  {
    spec: SETTINGS.ipvsForwarding,
    isThere: ({ balance }) => balance !== 'ipvs',
    message: `no effect, as ${SETTINGS.balance.env} is not ipvs`,
    instead: undefined,
  },
  {
    spec: SETTINGS.ipvsScheduler,
    isThere: ({ balance }) => balance !== 'ipvs',
    message: `no effect, as ${SETTINGS.balance.env} is not ipvs`,
    instead: undefined,
  },
];

/** Settings that do what they say, and that may hurt, or that cannot do what they say beside others. Pure. */
export function dangersIn(
  settings: Omit<AgentSettings, 'warnings'>,
  reader: SettingsReader,
): readonly SettingWarning[] {
  return DANGERS.flatMap(({ spec, isThere, message, instead }) => {
    const given = reader.given(spec);
    if (given === undefined || !isThere(settings, reader)) return [];
    const { setting, text } = given;
    const received = spec.secret === true ? HIDDEN : text;
    const line = lineOf(given);
    const change = instead === undefined ? `Take out ${line}` : `Change ${line} to: ${instead}`;
    return [{ setting, received, message: `${message}. ${change}` }];
  });
}
