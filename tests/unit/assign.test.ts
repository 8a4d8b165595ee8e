import { describe, expect, fc, it } from "testing";
import { assign, type Member, type Share } from "../../runtime/log/kafka/assign.ts";

const nothing: Share = { speed: [], archive: [], batch: false };
const all = ["ingest", "speed", "archive", "batch", "serve"];

const member = (id: string, has: Share = nothing, roles: readonly string[] = all): Member => ({
  id,
  roles,
  has,
});

/** Members that may claim anything, as after a rebalance that some of them slept through. */
const anyMembers = fc.uniqueArray(
  fc.record({
    id: fc.string({ minLength: 1, maxLength: 4 }),
    roles: fc.subarray(all),
    has: fc.record({
      speed: fc.array(fc.nat(20)),
      archive: fc.array(fc.nat(20)),
      batch: fc.boolean(),
    }),
  }),
  { selector: ({ id }) => id, maxLength: 6 },
);

describe("assign()", () => {
  it("gives each partition to one member of each role, and nobody more than one above another", () => {
    fc.assert(fc.property(anyMembers, fc.nat(20), (members, count) => {
      const shares = assign(members, count);
      for (const role of ["speed", "archive"] as const) {
        const able = members.filter(({ roles }) => roles.includes(role));
        const lists = able.map(({ id }) => shares.get(id)![role]);
        const given = [...shares.values()].flatMap((share) => share[role]);
        expect(given.toSorted((a, b) => a - b)).toEqual(
          able.length === 0 ? [] : Array.from({ length: count }, (_, partition) => partition),
        );
        const loads = lists.map((list) => list.length);
        expect(Math.max(0, ...loads) - Math.min(...loads, Infinity)).toBeLessThanOrEqual(1);
        expect(lists.flat().length).toBe(given.length);
      }
      const runners = [...shares].filter(([, { batch }]) => batch);
      expect(runners.length).toBe(members.some(({ roles }) => roles.includes("batch")) ? 1 : 0);
    }));
  });

  it("does not depend on the order in which members are told", () => {
    fc.assert(fc.property(anyMembers, fc.nat(20), (members, count) => {
      const told = [...assign(members, count)].sort();
      expect([...assign(members.toReversed(), count)].sort()).toEqual(told);
    }));
  });

  it("changes nothing when the same members are asked again", () => {
    fc.assert(fc.property(anyMembers, fc.nat(20), (members, count) => {
      const able = members.map((each) => ({ ...each, roles: all }));
      const first = assign(able, count);
      const again = able.map((each) => ({ ...each, has: first.get(each.id)! }));
      expect([...assign(again, count)]).toEqual([...first]);
    }));
  });

  it("leaves partitions where they are, but for those that a new member needs", () => {
    const two = assign([member("a"), member("b")], 4);
    const three = assign([
      member("a", two.get("a")),
      member("b", two.get("b")),
      member("c"),
    ], 4);
    const moved = ["a", "b"].flatMap((id) =>
      two.get(id)!.speed.filter((partition) => !three.get(id)!.speed.includes(partition))
    );
    expect(moved.length).toBe(1);
    expect(three.get("c")!.speed).toEqual(moved);
    expect(three.get("a")!.batch).toBe(two.get("a")!.batch);
  });

  it("archives a partition where its windows are computed", () => {
    const shares = assign([member("a"), member("b"), member("s", nothing, ["serve"])], 5);
    expect(shares.get("a")!.archive).toEqual(shares.get("a")!.speed);
    expect(shares.get("s")).toEqual(nothing);
  });
});
