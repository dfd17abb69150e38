// SPDX-License-Identifier: Apache-2.0
import type { Node } from '@fairlead/shared/kubernetes/objects.ts';
import type { ReadonlyStore } from '@fairlead/shared/kubernetes/reflector.ts';
import type { HealthTarget } from '../balance/health/health-check.ts';
import type { HealthChecker } from '../balance/health/health-checker.ts';
import type { Verdict } from '../balance/health/verdict.ts';
import type { BalanceModel } from '../balance/model/frontend.ts';
import type { ControlPlaneSettings } from '../config/control-plane-settings.ts';
import { chooseAddresses } from '../dns/choose-addresses.ts';
import type { NameLookup } from '../dns/name-watcher.ts';
import { AGENT_REASON, type ServiceProblem } from '../services/problem.ts';
import {
  type ApiServerNode,
  type ApiServerState,
  apiServerNodes,
  endingApiServers,
  usableApiServers,
} from './api-servers.ts';
import type { ControlPlaneClaim } from './claim.ts';
import { controlPlaneFrontends, withControlPlaneFrontends } from './frontends.ts';
import type { ControlPlaneView } from './report.ts';
import { otherTarget, ownTarget } from './targets.ts';
import type { ControlPlaneTeller } from './teller.ts';

/** What {@link ControlPlane} connects. */
export interface ControlPlaneOptions {
  readonly settings: ControlPlaneSettings;
  /** This node. */
  readonly node: string;
  readonly nodes: ReadonlyStore<Node>;
  /** Asks the API servers; nobody else tells it what to probe. */
  readonly checker: HealthChecker;
  /** What to ask about this node. Default: {@link ownTarget}. */
  readonly own?: HealthTarget;
  /** The data plane is IPVS. */
  readonly byIpvs?: boolean;
  /** Default: nobody is told. */
  readonly teller?: Pick<ControlPlaneTeller, 'tell'>;
}

/**
 * The control plane as this node sees it: at which addresses it is to be reached, whether this node may have them, and which API
 * servers connections go to. Looks at the API servers itself, because Nodes say for forty seconds that a dead one is Ready.
 */
export class ControlPlane {
  readonly #options: ControlPlaneOptions;
  readonly #own: HealthTarget;
  /** Of the last claim. */
  #view: Pick<ControlPlaneView, 'addresses' | 'isServable'> = { addresses: [], isServable: false };

  constructor(options: ControlPlaneOptions) {
    this.#options = options;
    this.#own = options.own ?? ownTarget(options.settings);
  }

  /** DNS names that have to be resolved for it. */
  get names(): readonly string[] {
    return this.#options.settings.names;
  }

  /** Another API server works, or does no more. Returns how to end it. */
  onChange(listener: () => void): () => void {
    return this.#options.checker.onChange(listener);
  }

  /** What it asks of ownership now. Probes what there is to probe from then on. */
  claim(names: Pick<NameLookup, 'mode' | 'stateOf'>): ControlPlaneClaim {
    const { settings } = this.#options;
    const addresses = this.#addresses(names);
    const { lease } = settings;
    this.#view = { addresses, isServable: false };
    if (!settings.isMember) return { ...this.#view, lease, problem: undefined };
    this.#probe(this.#servers(addresses));
    const problem = this.#problem();
    this.#view = { addresses, isServable: problem === undefined };
    return { ...this.#view, lease, problem };
  }

  /** The model of the Services with the frontends of the control plane, as far as there are any. */
  balanced(
    model: BalanceModel,
    { addresses }: ControlPlaneClaim,
    lostNodes: ReadonlySet<string>,
  ): BalanceModel {
    const { settings, node, byIpvs = false } = this.#options;
    const ports = new Set([settings.port, settings.balance?.port ?? settings.port]);
    const reserved = new Set(
      addresses.flatMap((address) => [...ports].map((port) => `tcp/${port}/${address}`)),
    );
    const known = this.#servers(addresses);
    const stateOf = (name: string) => this.#stateOf(name);
    const servers = usableApiServers(known, lostNodes, stateOf);
    const ending = endingApiServers(known, servers, lostNodes, stateOf);
    const frontends = settings.isMember
      ? controlPlaneFrontends({ settings, addresses, node, servers, ending, byIpvs })
      : [];
    return withControlPlaneFrontends(model, frontends, reserved);
  }

  /** A pass has been made: says what stands in the way here. */
  tell(problems: readonly ServiceProblem[]): void {
    this.#options.teller?.tell(problems);
  }

  /** As of the last claim, and of the newest answers. */
  view(): ControlPlaneView {
    const { node, checker } = this.#options;
    const apiServers = [...checker.verdicts()].map(([id, { state, sinceMs, detail }]) => ({
      node: id === this.#own.id ? node : id,
      state,
      sinceMs,
      detail,
    }));
    return { ...this.#view, apiServers: apiServers.sort((a, b) => (a.node < b.node ? -1 : 1)) };
  }

  /** Asks nobody any more. */
  stop(): void {
    this.#options.checker.stop();
  }

  #addresses(names: Pick<NameLookup, 'mode' | 'stateOf'>): readonly string[] {
    const { settings } = this.#options;
    const named = settings.names.flatMap((name) => {
      const answer = names.stateOf(name)?.answer;
      return answer === undefined ? [] : chooseAddresses(answer, names.mode, NONE);
    });
    return [...new Set([...settings.addresses, ...named])];
  }

  #servers(addresses: readonly string[]): readonly ApiServerNode[] {
    return apiServerNodes(this.#options.nodes.values(), new Set(addresses));
  }

  #probe(servers: readonly ApiServerNode[]): void {
    const { settings, node, checker } = this.#options;
    const others = servers.flatMap((server) =>
      server.node === node ? [] : (otherTarget(server, settings) ?? []),
    );
    checker.want([this.#own, ...others]);
  }

  /** A node without a working API server leaves the address to one that has. Where none has, nobody is better off elsewhere. */
  #problem(): ServiceProblem | undefined {
    const { checker, node } = this.#options;
    const verdicts = checker.verdicts();
    const own = verdicts.get(this.#own.id);
    const isWorseThanOthers =
      own?.state === 'down' && [...verdicts].some(([id, verdict]) => id !== this.#own.id && isWell(verdict));
    if (!isWorseThanOthers) return undefined;
    const message = `the API server on node ${node} does not work (${own.detail}), so another node has to answer for its address`;
    return { reason: AGENT_REASON.apiServerDown, message };
  }

  #stateOf(name: string): ApiServerState {
    const { node, checker } = this.#options;
    return checker.verdicts().get(name === node ? this.#own.id : name)?.state ?? 'unknown';
  }
}

/** One whose newest answer was none may have the same trouble as our own, as when etcd has no leader. */
function isWell({ state, against }: Verdict): boolean {
  return state === 'up' && against === 0;
}

const NONE: ReadonlySet<string> = new Set();
