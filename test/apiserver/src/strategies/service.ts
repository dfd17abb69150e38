// SPDX-License-Identifier: Apache-2.0
import type { ApiObject, Json } from '../api/objects.ts';
import { asService, type Service, withSpec } from '../api/service.ts';
import { defaultService } from '../defaults/service.ts';
import type { ResourceStrategy } from '../strategy.ts';
import { validateService, validateServiceStatus, validateServiceUpdate } from '../validation/service.ts';
import { serviceWarnings } from '../validation/service-warnings.ts';
import { alignClusterIps, completeFamilies, type Families } from './service-families.ts';
import { dropForType, keepAllocated } from './service-transitions.ts';

/** The rules of Services for a cluster with Service addresses of these families (the first is the default). */
export function createServiceStrategy(families: Families): ResourceStrategy {
  return {
    setDefaults: defaultService,
    prepareCreate: (object) => {
      const service = { ...asService(object), status: { loadBalancer: {} } };
      return completeFamilies(alignClusterIps(withoutTraffic(service), undefined), undefined, families);
    },
    prepareUpdate: (object, stored, context) => {
      const next = asService(object);
      const previous = asService(stored);
      if (context.subresource !== '') return { ...next, spec: previous.spec };
      const kept = keepAllocated(withStatusOf(next, stored), previous);
      const complete = completeFamilies(alignClusterIps(kept, previous), previous, families);
      return withoutTraffic(dropForType(complete, previous));
    },
    validateCreate: (object) => validateService(asService(object), undefined),
    validateUpdate: (next, previous, context) =>
      context.subresource === ''
        ? validateServiceUpdate(asService(next), asService(previous))
        : validateServiceStatus(asService(next), asService(previous)),
    warnings: (object) => serviceWarnings(asService(object)),
  };
}

/** There is no traffic policy where there is no traffic. */
function withoutTraffic(service: Service): Service {
  return service.spec.type === 'ExternalName'
    ? withSpec(service, { internalTrafficPolicy: undefined })
    : service;
}

function withStatusOf<T extends ApiObject>(next: T, stored: ApiObject): T {
  const status: Json = stored.status ?? { loadBalancer: {} };
  return { ...next, status };
}
