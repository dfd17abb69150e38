// SPDX-License-Identifier: Apache-2.0
import type { Deployment, ReplicaSet } from '@fairlead/shared/kubernetes/objects.ts';
import { describe, expect, it } from 'vitest';
import { deployment, NOW_MS } from '../testing/objects.ts';
import { planDeployment, REVISION_ANNOTATION, TEMPLATE_HASH_LABEL } from './deployment.ts';

/** A cluster of one Deployment: plans are carried out on the spot, all pods of a ReplicaSet are available at once. */
class Sketch {
  deployment: Deployment;
  sets: ReplicaSet[] = [];
  steps = 0;

  constructor(start: Deployment) {
    this.deployment = start;
  }

  settle(): this {
    for (let quiet = false; !quiet && this.steps < 100; this.steps += 1) {
      const { actions } = planDeployment({
        deployment: this.deployment,
        replicaSets: this.sets,
        nowMs: NOW_MS,
      });
      quiet = !actions.some((action) => action.verb !== 'event');
      for (const action of actions) {
        if (action.verb === 'create') this.#put(action.object as ReplicaSet);
        if (action.verb === 'delete')
          this.sets = this.sets.filter((set) => set.metadata?.name !== action.target.metadata?.name);
        if (action.verb === 'merge') this.#annotate(action.body);
        if (action.verb !== 'replace') continue;
        if (action.subresource === 'status') this.deployment = action.object as Deployment;
        else this.#put(action.object as ReplicaSet);
      }
      this.sets = this.sets.map((set) => {
        const replicas = set.spec?.replicas ?? 0;
        return { ...set, status: { replicas, readyReplicas: replicas, availableReplicas: replicas } };
      });
    }
    return this;
  }

  #put(set: ReplicaSet): void {
    const name = set.metadata?.name;
    const known = this.sets.some((other) => other.metadata?.name === name);
    const stored = {
      ...set,
      metadata: { ...set.metadata, uid: `uid-${name}`, creationTimestamp: `${this.steps}` },
    };
    this.sets = known
      ? this.sets.map((other) => (other.metadata?.name === name ? set : other))
      : [...this.sets, stored];
  }

  #annotate(body: Readonly<Record<string, unknown>>): void {
    const { metadata } = body as { metadata: { annotations: Record<string, string> } };
    this.deployment = { ...this.deployment, metadata: { ...this.deployment.metadata, ...metadata } };
  }

  sizes(): (number | undefined)[] {
    return this.sets.map((set) => set.spec?.replicas);
  }
}

function withImage(sketch: Sketch, image: string): Sketch {
  const { spec } = deployment(sketch.deployment.spec?.replicas ?? 1, image);
  sketch.deployment = { ...sketch.deployment, ...(spec === undefined ? {} : { spec }) };
  return sketch;
}

describe('Deployment', () => {
  it('makes one ReplicaSet, named and labelled by the hash of the template', () => {
    const { sets, deployment: after } = new Sketch(deployment(3)).settle();
    const [set] = sets;
    const hash = set?.metadata?.labels?.[TEMPLATE_HASH_LABEL];
    expect(sets).toHaveLength(1);
    expect(set?.metadata?.name).toBe(`echo-${hash}`);
    expect(set?.spec?.selector.matchLabels).toEqual({ app: 'echo', [TEMPLATE_HASH_LABEL]: hash });
    expect(set?.spec?.replicas).toBe(3);
    expect(after.metadata?.annotations?.[REVISION_ANNOTATION]).toBe('1');
    expect(after.status).toMatchObject({ replicas: 3, updatedReplicas: 3, availableReplicas: 3 });
    expect(after.status).not.toHaveProperty('unavailableReplicas');
    const conditions = Object.fromEntries(
      (after.status?.conditions ?? []).map((entry) => [entry.type, entry]),
    );
    expect(conditions.Available).toMatchObject({ status: 'True', reason: 'MinimumReplicasAvailable' });
    expect(conditions.Progressing).toMatchObject({ status: 'True', reason: 'NewReplicaSetAvailable' });
  });

  it('scales without a new ReplicaSet', () => {
    const sketch = new Sketch(deployment(3)).settle();
    sketch.deployment = { ...sketch.deployment, spec: { ...(deployment(5).spec ?? never()) } };
    expect(sketch.settle().sizes()).toEqual([5]);
  });

  it('rolls over to a new template, keeps the old ReplicaSet empty, and takes it up again on the way back', () => {
    const sketch = withImage(new Sketch(deployment(4)).settle(), 'echo-app:2').settle();
    expect(sketch.sizes()).toEqual([0, 4]);
    expect(sketch.deployment.metadata?.annotations?.[REVISION_ANNOTATION]).toBe('2');
    withImage(sketch, 'echo-app:1').settle();
    expect(sketch.sizes()).toEqual([4, 0]);
    expect(sketch.deployment.metadata?.annotations?.[REVISION_ANNOTATION]).toBe('3');
    expect(sketch.steps).toBeLessThan(60);
  });

  it('with Recreate lets all old pods go before the first new one', () => {
    const sketch = new Sketch(deployment(2)).settle();
    const next = deployment(2, 'echo-app:2').spec ?? never();
    sketch.deployment = { ...sketch.deployment, spec: { ...next, strategy: { type: 'Recreate' } } };
    const first = planDeployment({ deployment: sketch.deployment, replicaSets: sketch.sets, nowMs: NOW_MS });
    const created = first.actions.find((action) => action.verb === 'create')?.object as ReplicaSet;
    expect(created.spec?.replicas).toBe(0);
    expect(sketch.settle().sizes()).toEqual([0, 2]);
  });
});

function never(): never {
  throw new Error('test objects have a spec');
}
