using System.Diagnostics.CodeAnalysis;

namespace Chariot.Edge.Sessions;

/// <summary>Deliveries waiting for room in the window: a ring that grows, with a front to put retransmissions back to.</summary>
internal sealed class DeliveryQueue
{
    private Delivery?[] _items = [];
    private int _head;

    public int Count { get; private set; }

    public Delivery this[int index] => _items[(_head + index) & (_items.Length - 1)]!;

    public void PushBack(Delivery delivery)
    {
        EnsureRoom();
        _items[(_head + Count++) & (_items.Length - 1)] = delivery;
    }

    public void PushFront(Delivery delivery)
    {
        EnsureRoom();
        _head = (_head - 1) & (_items.Length - 1);
        _items[_head] = delivery;
        Count++;
    }

    public bool TryPeek([NotNullWhen(true)] out Delivery? delivery)
    {
        delivery = Count > 0 ? _items[_head] : null;
        return delivery is not null;
    }

    public Delivery PopFront()
    {
        var delivery = _items[_head]!;
        _items[_head] = null;
        _head = (_head + 1) & (_items.Length - 1);
        Count--;
        return delivery;
    }

    /// <summary>Removes what <paramref name="isDenied"/>, keeping the order; returns what was removed.</summary>
    public List<Delivery> RemoveAll(Predicate<Delivery> isDenied)
    {
        var removed = new List<Delivery>();
        for (var i = Count; i > 0; i--)
        {
            var delivery = PopFront();
            if (isDenied(delivery))
            {
                removed.Add(delivery);
            }
            else
            {
                PushBack(delivery);
            }
        }

        return removed;
    }

    public void Clear()
    {
        _items = [];
        _head = 0;
        Count = 0;
    }

    private void EnsureRoom()
    {
        if (Count < _items.Length)
        {
            return;
        }

        var larger = new Delivery?[Math.Max(16, _items.Length * 2)];
        for (var i = 0; i < Count; i++)
        {
            larger[i] = this[i];
        }

        _items = larger;
        _head = 0;
    }
}
