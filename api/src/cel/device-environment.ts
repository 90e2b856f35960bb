import type { CelEnvironment, StaticType } from "./checker.ts";

const MOST_ATTRIBUTES = 32;
const LONGEST_VALUE = 64;
const LONGEST_DRIVER = 63;

/** By domain, then by name. */
function byName(element: StaticType): StaticType {
  const map = (of: StaticType): StaticType => ({ name: "map", element: of, size: MOST_ATTRIBUTES });
  return map(map(element));
}

/** What selectors of devices know (KEP-4381): the device that is looked at. */
export const DEVICE_ENVIRONMENT: CelEnvironment = {
  binds: true,
  variables: {
    device: {
      name: "kubernetes.DRADevice",
      fields: {
        driver: { name: "string", size: LONGEST_DRIVER },
        allowMultipleAllocations: { name: "bool" },
        attributes: byName({ name: "dyn", size: LONGEST_VALUE }),
        capacity: byName({ name: "kubernetes.Quantity" }),
      },
    },
  },
};
