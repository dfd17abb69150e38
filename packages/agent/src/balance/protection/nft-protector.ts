// SPDX-License-Identifier: Apache-2.0
import { release } from 'node:os';
import { ANNOTATION } from '@fairlead/shared/kubernetes/contract.ts';
import type { Clock } from '@fairlead/shared/runtime/clock.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import { AGENT_REASON, type ServiceProblem } from '../../services/problem.ts';
import { applyNft, dropTableScript, listTables, type NftTable } from '../../system/nft.ts';
import { type NftCounter, readNftCounters } from '../../system/nft-counters.ts';
import { NOTHING_TO_PROTECT, type ProtectionModel } from './policy.ts';
import {
  isIdle,
  renderProtection,
  renderProtectionChanges,
  type ScriptContext,
  wantsProxy,
} from './protection-script.ts';
import type { Protector, VerdictCount } from './protector.ts';
import { counterOf, SERVICE_VERDICTS } from './service-rules.ts';
import { PROTECTION_TABLE, PROXY_HOLDER, proxyHolderScript } from './skeleton.ts';
import { StrictTracking } from './strict-tracking.ts';
import { SynProxySupport } from './syn-proxy-support.ts';

/** What {@link createNftProtector} needs; the functions are replaced in tests. */
export interface NftProtectorOptions {
  readonly clock: Pick<Clock, 'wallMs'>;
  readonly logger: Pick<Logger, 'warn'>;
  readonly nft?: (script: string) => Promise<void>;
  readonly isTableThere?: (table: NftTable) => Promise<boolean>;
  readonly readCounters?: () => readonly NftCounter[];
  readonly tracking?: StrictTracking;
}

/** Filters by nftables, free of a predecessor's leftovers. Who wants nothing filtered needs no nftables. */
export async function createNftProtector(options: NftProtectorOptions): Promise<Protector> {
  const { nft = applyNft } = options;
  try {
    await nft(renderProtection(NOTHING_TO_PROTECT, contextOf(options.clock)));
  } catch (error) {
    options.logger.warn({ err: error }, 'cannot remove the tables of an earlier run that protect addresses');
  }
  return new NftProtector(options);
}

class NftProtector implements Protector {
  readonly #clock: Pick<Clock, 'wallMs'>;
  readonly #nft: (script: string) => Promise<void>;
  readonly #isTableThere: (table: NftTable) => Promise<boolean>;
  readonly #readCounters: () => readonly NftCounter[];
  readonly #tracking: StrictTracking;
  readonly #support: SynProxySupport;
  /** What the kernel has; undefined when a failed script leaves that open. */
  #applied: ProtectionModel | undefined = NOTHING_TO_PROTECT;
  #wanted = NOTHING_TO_PROTECT;
  /** What was wanted when that was applied. */
  #followed = NOTHING_TO_PROTECT;
  /** Whether {@link PROXY_HOLDER} is there, as far as we know. */
  #holdsProxy = false;
  /** Why there is no SYN proxy, though somebody wants one. */
  #proxyObstacle: string | undefined;
  #lastTurn: Promise<unknown> = Promise.resolve();

  constructor(options: NftProtectorOptions) {
    const { nft = applyNft, isTableThere = isThere, readCounters = readOurs } = options;
    this.#clock = options.clock;
    this.#nft = nft;
    this.#isTableThere = isTableThere;
    this.#readCounters = readCounters;
    this.#tracking = options.tracking ?? new StrictTracking();
    this.#support = new SynProxySupport(nft, options.clock);
  }

  async apply(model: ProtectionModel): Promise<void> {
    this.#wanted = model;
    await this.#inTurn(() => this.#apply());
  }

  verify(): Promise<boolean> {
    return this.#inTurn(async () => {
      const obstacle = await this.#findObstacle(this.#wanted);
      const before = this.#applied;
      const isTableLost =
        before !== undefined && !isIdle(before) && !(await this.#isTableThere(PROTECTION_TABLE));
      const isHolderLost = this.#holdsProxy && !(await this.#isTableThere(PROXY_HOLDER));
      const isLost = isTableLost || isHolderLost;
      if (isLost || obstacle !== this.#proxyObstacle) this.#applied = undefined;
      await this.#apply(isHolderLost);
      return isLost;
    });
  }

  problems(): ReadonlyMap<string, readonly ServiceProblem[]> {
    if (this.#proxyObstacle === undefined) return new Map();
    const message = `${ANNOTATION.synProxy} is not followed on this node: ${this.#proxyObstacle}`;
    const problem = { reason: AGENT_REASON.protectionUnavailable, message };
    const services = [...this.#wanted.services.values()].filter(({ policy }) => policy.synProxy !== 'off');
    return new Map(services.map(({ service }) => [service, [problem]]));
  }

  counts(): readonly VerdictCount[] {
    if (isIdle(this.#wanted)) return [];
    const packets = new Map(this.#readCounters().map((counter) => [counter.name, counter.packets]));
    const ofServices = [...this.#wanted.services.keys()].flatMap((service) =>
      SERVICE_VERDICTS.map((verdict) => ({
        service,
        verdict,
        packets: packets.get(counterOf(verdict, service)) ?? 0,
      })),
    );
    return [...ofServices, { service: '', verdict: 'closed-port', packets: packets.get('closed-port') ?? 0 }];
  }

  stop(): Promise<void> {
    this.#wanted = NOTHING_TO_PROTECT;
    return this.#inTurn(async () => {
      await this.#nft(dropTableScript(PROTECTION_TABLE) + dropTableScript(PROXY_HOLDER));
      this.#applied = NOTHING_TO_PROTECT;
      this.#holdsProxy = false;
      this.#tracking.restore();
    });
  }

  /** @param isHolderLost what open connections through the SYN proxy need is to be put back */
  async #apply(isHolderLost = false): Promise<void> {
    // Most passes change nothing here, and then the same object comes.
    if (this.#followed === this.#wanted && this.#applied !== undefined) return;
    const wanted = this.#wanted;
    this.#proxyObstacle = await this.#findObstacle(wanted);
    const model = this.#proxyObstacle === undefined ? wanted : withoutProxy(wanted);
    const before = this.#applied;
    const context = contextOf(this.#clock);
    const changes =
      before === undefined
        ? renderProtection(model, context)
        : renderProtectionChanges(before, model, context);
    const needsHolder = isHolderLost || (!this.#holdsProxy && wantsProxy(model));
    const script = (needsHolder ? proxyHolderScript() : '') + changes;
    if (script !== '') {
      this.#applied = undefined;
      await this.#nft(script);
    }
    if (needsHolder) this.#holdsProxy = true;
    this.#applied = model;
    this.#followed = wanted;
    if (!wantsProxy(wanted)) this.#tracking.restore();
  }

  /** Before the rules, as with them and without the setting every connection through the SYN proxy would break. */
  async #findObstacle(wanted: ProtectionModel): Promise<string | undefined> {
    if (!wantsProxy(wanted)) return undefined;
    return (await this.#support.missing()) ?? this.#tracking.ensure();
  }

  /** One after the other: while a script runs, nobody knows what the kernel has, and a look at it would be misjudged. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#lastTurn.then(work);
    this.#lastTurn = turn.catch(() => undefined);
    return turn;
  }
}

function contextOf(clock: Pick<Clock, 'wallMs'>): ScriptContext {
  return { wallMs: clock.wallMs(), canStripOptions: canStripOptions(release()) };
}

/** Linux 5.18 and later can remove an option from a TCP header. Pure. */
export function canStripOptions(kernelRelease: string): boolean {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(kernelRelease) ?? [];
  return Number(major) > 5 || (Number(major) === 5 && Number(minor) >= 18);
}

function withoutProxy(model: ProtectionModel): ProtectionModel {
  const services = [...model.services].map(
    ([key, each]) => [key, { ...each, policy: { ...each.policy, synProxy: 'off' as const } }] as const,
  );
  return { ...model, services: new Map(services) };
}

async function isThere(table: NftTable): Promise<boolean> {
  const found = await listTables(table.name);
  return found.some(({ family, name }) => family === table.family && name === table.name);
}

function readOurs(): readonly NftCounter[] {
  return readNftCounters(PROTECTION_TABLE.name);
}
