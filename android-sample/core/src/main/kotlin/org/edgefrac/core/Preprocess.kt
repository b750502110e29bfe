package org.edgefrac.core

/** `edgefrac.preprocess/1`: image to network input, in whole numbers only, as Python and TypeScript have it bit for bit. */
object Preprocess {
    const val ID = "edgefrac.preprocess/1"

    /** The longer side resized to [size], centred on zeros: [size] × [size] bytes. */
    fun networkInput(raster: Raster, size: Int): ByteArray {
        val placement = Placement(raster.width, raster.height, size)
        val small = resized(raster, placement.columns, placement.rows)
        val field = ByteArray(size * size)
        for (y in 0 until placement.rows) {
            small.pixels.copyInto(field, (placement.top + y) * size + placement.left, y * small.width, (y + 1) * small.width)
        }
        return field
    }

    /** By area where an axis shrinks, linearly where it grows; both axes are summed exactly, then divided once. */
    fun resized(raster: Raster, columns: Int, rows: Int): Raster {
        val along = Weights.of(raster.width, columns)
        val down = Weights.of(raster.height, rows)
        val total = along.sum.toLong() * down.sum
        val found = ByteArray(columns * rows)
        val sums = IntArray(raster.width) // 255 · 20,000 at most
        for (row in 0 until rows) {
            sumRows(raster, down, row, sums)
            for (column in 0 until columns) {
                var sum = 0L
                for (index in along.start[column] until along.start[column + 1]) {
                    sum += sums[along.input[index]].toLong() * along.weight[index]
                }
                found[row * columns + column] = ((2 * sum + total) / (2 * total)).toByte()
            }
        }
        return Raster(columns, rows, found)
    }

    private fun sumRows(raster: Raster, down: Weights, row: Int, sums: IntArray) {
        sums.fill(0)
        for (index in down.start[row] until down.start[row + 1]) {
            val offset = down.input[index] * raster.width
            val weight = down.weight[index]
            for (x in sums.indices) sums[x] += (raster.pixels[offset + x].toInt() and 0xff) * weight
        }
    }
}

/** Of output j of an axis: inputs and weights from `start[j]` to `start[j + 1]`; the weights of each output add up to [sum]. */
internal class Weights private constructor(val start: IntArray, val input: IntArray, val weight: IntArray, val sum: Int) {
    companion object {
        fun of(before: Int, after: Int): Weights = when {
            after < before -> byArea(before, after)
            after > before -> linear(before, after)
            else -> Weights(IntArray(after + 1) { it }, IntArray(after) { it }, IntArray(after) { 1 }, 1)
        }

        private fun byArea(before: Int, after: Int): Weights {
            val start = IntArray(after + 1)
            val input = ArrayList<Int>(before + after)
            val weight = ArrayList<Int>(before + after)
            for (output in 0 until after) {
                val first = output.toLong() * before
                val stop = first + before
                var index = (first / after).toInt()
                while (index.toLong() * after < stop) {
                    val low = maxOf(index.toLong() * after, first)
                    val high = minOf((index + 1L) * after, stop)
                    input.add(index++)
                    weight.add((high - low).toInt())
                }
                start[output + 1] = input.size
            }
            return Weights(start, input.toIntArray(), weight.toIntArray(), before)
        }

        private fun linear(before: Int, after: Int): Weights {
            val input = IntArray(2 * after)
            val weight = IntArray(2 * after)
            for (output in 0 until after) {
                val position = (2L * output + 1) * before - after
                val low = Math.floorDiv(position, 2L * after).toInt()
                val rest = Math.floorMod(position, 2L * after).toInt()
                input[2 * output] = low.coerceIn(0, before - 1)
                input[2 * output + 1] = (low + 1).coerceIn(0, before - 1)
                weight[2 * output] = 2 * after - rest
                weight[2 * output + 1] = rest
            }
            return Weights(IntArray(after + 1) { 2 * it }, input, weight, 2 * after)
        }
    }
}
