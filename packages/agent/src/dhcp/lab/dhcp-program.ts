// SPDX-License-Identifier: Apache-2.0
/** Lab program: DHCP addresses as the agent gets and holds them, without anybody who decides about ownership. */
import { systemClock } from '@fairlead/shared/runtime/clock.ts';
import { createLogger } from '@fairlead/shared/runtime/logging.ts';
import type { AddressKeeper } from '../../announce/address-keeper.ts';
import { createAddressKeeper } from '../../announce/create-address-keeper.ts';
import { serveCommands } from '../../announce/lab/program.ts';
import type { DhcpAddresses, DhcpRequest } from '../dhcp-addresses.ts';
import { createDhcpAddresses } from '../dhcp-manager.ts';
import { DEFAULT_LEASE_TIMING } from '../lease-timing.ts';

interface Command {
  readonly do: 'start' | 'apply' | 'state' | 'stop';
  /** Leases count as no longer than this: servers do not give shorter ones than two minutes. */
  readonly leaseLimitMs?: number;
  readonly requests?: readonly DhcpRequest[];
  /** Default eth0. */
  readonly link?: string;
  /** Keys that this node owns; the others are owned elsewhere. */
  readonly owned?: readonly string[];
}

const logger = createLogger({ name: 'dhcp', level: 'silent' });
let link = 'eth0';
let parts: { readonly keeper: AddressKeeper; readonly dhcp: DhcpAddresses } | undefined;

async function start({ leaseLimitMs, link: given = link }: Command): Promise<void> {
  link = given;
  const keeper = await createAddressKeeper({ logger, nodeName: 'lab' });
  const dhcp = createDhcpAddresses({
    clock: systemClock,
    logger,
    timing: {
      ...DEFAULT_LEASE_TIMING,
      declinePauseMs: 500,
      leaseLimitMs: leaseLimitMs ?? DEFAULT_LEASE_TIMING.leaseLimitMs,
    },
  });
  dhcp.onChange(() => void hold(keeper, dhcp));
  parts = { keeper, dhcp };
}

function hold(keeper: AddressKeeper, dhcp: DhcpAddresses): Promise<void> {
  const leases = [...dhcp.leases().values()];
  return keeper.apply(leases.map(({ address, untilMs }) => ({ address, interface: link, untilMs })));
}

serveCommands(async (raw) => {
  const command = raw as unknown as Command;
  if (command.do === 'start') {
    await start(command);
    return {};
  }
  if (parts === undefined) throw new Error('not started');
  const { keeper, dhcp } = parts;
  switch (command.do) {
    case 'apply':
      dhcp.apply({
        requests: command.requests ?? [],
        owned: new Map((command.owned ?? []).map((key) => [key, link])),
      });
      return {};
    case 'state':
      return {
        leases: Object.fromEntries(dhcp.leases()),
        problems: Object.fromEntries(dhcp.problems()),
        held: [...keeper.held().values()].filter(({ answering }) => answering).map(({ address }) => address),
      };
    case 'stop':
      await keeper.apply([]);
      await dhcp.stop();
      await keeper.stop();
      return {};
  }
});
