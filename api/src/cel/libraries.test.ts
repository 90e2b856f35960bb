import { expect, test } from "vitest";
import { CelError } from "./cel-error.ts";
import { compileCel } from "./program.ts";

const evaluate = (source: string) => compileCel(source, { variables: {} }).evaluate(() => undefined);

test.each([
  ["ip('127.0.0.1').isLoopback() && ip('::1').isLoopback() && !ip('10.0.0.1').isLoopback()", true],
  ["ip('10.0.0.1').family() == 4 && ip('fe80::1').family() == 6", true],
  ["isIP('1.2.3.4') && isIP('2001:db8::1') && !isIP('1.2.3') && !isIP('01.2.3.4') && !isIP('::ffff:1.2.3.4')", true],
  ["ip.isCanonical('2001:db8::abcd') && !ip.isCanonical('2001:DB8:0::ABCD')", true],
  ["ip('2001:db8::abcd') == ip('2001:DB8:0:0:0:0:0:ABCD')", true],
  ["string(ip('2001:DB8:0:0:1:0:0:1'))", "2001:db8::1:0:0:1"],
  [
    "ip('0.0.0.0').isUnspecified() && ip('224.0.0.1').isLinkLocalMulticast() && ip('fe80::1').isLinkLocalUnicast()",
    true,
  ],
  ["ip('8.8.8.8').isGlobalUnicast() && !ip('255.255.255.255').isGlobalUnicast()", true],
  ["cidr('10.0.0.0/8').containsIP('10.1.2.3') && !cidr('10.0.0.0/8').containsIP(ip('11.0.0.1'))", true],
  ["cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16') && !cidr('10.1.0.0/16').containsCIDR(cidr('10.0.0.0/8'))", true],
  ["string(cidr('192.168.1.7/24').masked()) + ' ' + string(cidr('192.168.1.7/24').ip())", "192.168.1.0/24 192.168.1.7"],
  ["isCIDR('::/0') && !isCIDR('1.2.3.4/33') && cidr('10.0.0.0/8').prefixLength() == 8", true],
  ["isSemver('1.2.3-alpha.1+b') && !isSemver('v1.2') && isSemver('v1.2', true)", true],
  ["semver('1.2.3').isLessThan(semver('1.10.0')) && semver('1.0.0-rc.1').compareTo(semver('1.0.0')) == -1", true],
  ["semver('v01.2', true) == semver('1.2.0') && semver('1.2.3').minor() == 2", true],
  ["format.dns1123Label().validate('a-b').hasValue()", false],
  ["format.dns1123Label().validate('A').value().size()", 1n],
  ["format.named('uuid').value().validate('x').value()[0]", "does not match the UUID format"],
  ["format.named('nothing').hasValue()", false],
  ["'%s has %d of %.2f%%, %x'.format(['a', 2, 1.5, 255])", "a has 2 of 1.50%, ff"],
  ["'%s %s'.format([[1, 'b'], {'k': true}])", "[1, b] {k: true}"],
  ["sign(quantity('-1')) + sign(quantity('0')) + sign(quantity('5m')) * 10", 9n],
  ["[[1], [2]].flatten() == [1, 2] && [[[1]]].flatten(2) == [1] && [1].flatten(1) == [1] && [].flatten() == []", true],
  ["[1, 2].reverse() == [2, 1]", true],
  ["strings.quote('a\"b')", '"a\\"b"'],
  ["lists.range(3).sum() == 3 && [1, 2].last().value() == 2 && [].first() == optional.none()", true],
])("%s", (source, expected) => {
  expect(evaluate(source)).toEqual(expected);
});

test.each([
  ["ip('nonsense')", /IP Address "nonsense" parse error/],
  ["cidr('1.2.3.4')", /network address parse error/],
  ["semver('1')", /semver parse error/],
  ["'%d'.format(['a'])", /takes integers only/],
  ["'%s'.format([])", /index 0 out of range/],
])("%s has no value", (source, message) => {
  expect(() => evaluate(source)).toThrow(CelError);
  expect(() => evaluate(source)).toThrow(message);
});
