package setting

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Money is an amount in one currency, written `5.00 USD`. It is counted in
// millionths, because platforms charge fractions of a cent per post.
type Money struct {
	Micros   int64  // millionths of the currency's unit, never negative
	Currency string // ISO 4217, such as "USD"
}

// Rate is an amount of money per period, written `5.00 USD/day`.
type Rate struct {
	Money
	Per Period
}

// Period is what a Rate counts over: hour, day, week or month (30 days).
type Period time.Duration

// The periods of a Rate.
const (
	PerHour  = Period(time.Hour)
	PerDay   = Period(day)
	PerWeek  = Period(week)
	PerMonth = Period(30 * day)
)

var periods = []struct {
	name string
	per  Period
}{{"hour", PerHour}, {"day", PerDay}, {"week", PerWeek}, {"month", PerMonth}}

var (
	errMoney = errors.New(`write an amount and a currency, such as "5.00 USD"`)
	errRate  = errors.New(`write an amount, a currency and hour, day, week or month, such as "5.00 USD/day"`)
)

// ParseMoney reads an amount such as "5.00 USD".
func ParseMoney(s string) (Money, error) {
	amount, currency, ok := strings.Cut(s, " ")
	if !ok || len(currency) != 3 || strings.Trim(currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return Money{}, errMoney
	}
	whole, part, _ := strings.Cut(amount, ".")
	if whole == "" || len(whole) > 12 || len(part) > 6 || strings.Trim(whole+part, "0123456789") != "" {
		return Money{}, errMoney
	}
	micros, err := strconv.ParseInt(whole+part+strings.Repeat("0", 6-len(part)), 10, 64)
	if err != nil {
		return Money{}, errMoney
	}
	return Money{micros, currency}, nil
}

// String returns m with at least two decimals: "5.00 USD".
func (m Money) String() string {
	if m == (Money{}) {
		return ""
	}
	part := strings.TrimRight(fmt.Sprintf("%06d", m.Micros%1e6), "0")
	for len(part) < 2 {
		part += "0"
	}
	return fmt.Sprintf("%d.%s %s", m.Micros/1e6, part, m.Currency)
}

// UnmarshalText reads an amount as [ParseMoney] does.
func (m *Money) UnmarshalText(text []byte) error {
	return setParsed(m, text, ParseMoney)
}

// MarshalText writes m as String does.
func (m Money) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// ParseRate reads an amount per period such as "5.00 USD/day".
func ParseRate(s string) (Rate, error) {
	amount, name, _ := strings.Cut(s, "/")
	for _, p := range periods {
		if p.name == name {
			m, err := ParseMoney(amount)
			if err != nil {
				return Rate{}, errRate
			}
			return Rate{m, p.per}, nil
		}
	}
	return Rate{}, errRate
}

// In returns how many millionths r allows in d.
func (r Rate) In(d time.Duration) int64 {
	if r.Per <= 0 {
		return 0
	}
	return int64(math.Round(float64(r.Micros) * float64(d) / float64(r.Per)))
}

// String returns r as it is written: "5.00 USD/day".
func (r Rate) String() string {
	for _, p := range periods {
		if p.per == r.Per {
			return r.Money.String() + "/" + p.name
		}
	}
	return r.Money.String()
}

// UnmarshalText reads a rate as [ParseRate] does.
func (r *Rate) UnmarshalText(text []byte) error {
	return setParsed(r, text, ParseRate)
}

// MarshalText writes r as String does.
func (r Rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }
